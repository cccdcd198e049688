export const registerExport = (_: unknown): void => {};
