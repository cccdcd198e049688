/** Snap numbers in a scan's rows: clones keep their id, these two stand below zero. */
export const ROW_HEAD = -2;
export const ROW_SNAPDIR = -1;
