import type { Stage } from './attempt.ts';

/** What was done about an object, for whoever wants to know afterwards why its bytes are what they are. */
export interface Decision {
  /**
   * - `read`: a copy was taken
   * - `failed`: a copy could not be used; the next one is tried
   * - `gone`: the copy that counts says that the object does not exist
   * - `lost`: no copy is left to try
   */
  event: 'read' | 'failed' | 'gone' | 'lost';
  /** the data object's name */
  object: string;
  /** the version that counts, where it is known */
  version?: string;
  /** the OSD whose copy it was */
  osd?: string;
  /** all OSDs whose copies count */
  among: string[];
  how?: Stage;
  /** why it failed or is lost, or why what was read may be wrong */
  why?: string;
  /** bytes read from the OSD */
  bytes?: number;
}
