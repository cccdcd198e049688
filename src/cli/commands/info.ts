export const registerInfo = (_: unknown): void => {};
