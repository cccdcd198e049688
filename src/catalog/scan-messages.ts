import type { MessagePort } from 'node:worker_threads';
import type { Damage } from '../errors/damage.ts';
import type { ObjectRef, OsdLocation, UnitStamp } from '../store/object-store.ts';
import type { ScanShare } from '../store/scan-shares.ts';

/** What crosses threads: plain data, batches, transferred buffers. */

export interface ScanTask {
  location: OsdLocation;
  share: ScanShare;
  /** units that an earlier scan knows */
  known: KnownUnits | undefined;
  /** takes the segments as they are finished: `FinishedSegment` */
  port: MessagePort;
  /** segments posted and not yet stored; the worker waits while there are too many */
  pending: SharedArrayBuffer;
}

/** Paths below the data path with their stamps, all arrays of one length. */
export interface KnownUnits {
  paths: string[];
  stamps: UnitStamp[];
  /** names of the units right below each */
  subdirectories: (readonly string[])[];
}

export interface FinishedSegment {
  /** its payload */
  segment: Uint8Array;
  objects: number;
  /** the directory of each of its named objects, packed: to look them up takes all of its units */
  directories: Uint8Array;
}

export interface ScanResult {
  damage: Damage[];
  damageCount: number;
}

/** Of one share. */
export interface ShareResult extends ScanResult {
  /** units listed; those found unchanged do not count */
  listed: number;
  /** that it took */
  seconds: number;
}

export interface MetadataTask {
  location: OsdLocation;
  refs: ObjectRef[];
  /** newest osdmap epoch the caller has, by cluster: an older one need not be sent */
  knownEpochs: Map<string, number>;
}

export interface MetadataResult extends ScanResult {
  /** packed metadata objects */
  rbd: Uint8Array;
  pg: Uint8Array;
  osdMap: { clusterFsid: string; epoch: number; bytes: Uint8Array } | undefined;
}
