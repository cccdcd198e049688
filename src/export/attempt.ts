import { NOSNAP } from '../ceph/encoding.ts';
import type { ObjectCopy } from '../image/object-candidates.ts';
import type { CopyFailure, CopyJob } from './copy-objects.ts';
import type { Verify } from './copy-plans.ts';
import { bytesOf, type ObjectPlan } from './plan.ts';
import type { ReadLanes } from './read-lanes.ts';

/**
 * How hard it is tried to get an object, step by step:
 *
 * - `current`: a copy of the version that counts, whole and as object_info describes it
 * - `whole`: such a copy whose size or checksum is wrong: better than nothing, said to be doubtful
 * - `sectors`: what can be read of such copies, piece by piece, each filling what others lack
 * - `older`: another version, newest first, for what is still missing; doubtful
 */
const STAGES = ['current', 'whole', 'sectors', 'older'] as const;
export type Stage = (typeof STAGES)[number];

interface Failure {
  copy: ObjectCopy;
  failure: CopyFailure;
  reason: string;
}

/** A planned object on its way. */
export class Attempt {
  readonly plan: ObjectPlan;
  readonly failed: Failure[] = [];
  /** what is still to be read: all of the plan's pieces, or what salvaging sectors has left */
  pieces: number[];
  /** the copy that the running job reads */
  copy: ObjectCopy | undefined;
  #stage = 0;
  #queue: ObjectCopy[];
  #isPinned = false;

  constructor(plan: ObjectPlan) {
    this.plan = plan;
    this.pieces = plan.pieces;
    this.#queue = [...plan.copies];
  }

  get stage(): Stage {
    return STAGES[this.#stage]!;
  }

  /** Bytes of the image that are still to be had. */
  get bytes(): number {
    return bytesOf(this.pieces);
  }

  /** Takes the next copy to try; false when there is none left. */
  takeNext(lanes: ReadLanes): boolean {
    for (;;) {
      // Older versions are tried newest first; of equal ones the least busy disk's is best.
      const candidates = this.stage === 'older' ? this.#queue.slice(0, 1) : this.#queue;
      this.copy = lanes.leastBusy(candidates, this.bytes);
      if (this.copy !== undefined) {
        this.#queue = this.#queue.filter((other) => other !== this.copy);
        this.#isPinned = lanes.isPreferred(this.copy);
        // One job reads all shards of an erasure-coded object: there is no other copy behind it.
        if (this.stage !== 'older' && this.isSharded) this.#queue = [];
        return true;
      }
      if (this.stage === 'older' && this.#queue.length > 1) this.#queue.shift();
      else if (!this.#nextStage()) return false;
    }
  }

  /** Copies that would do as well as the one that is taken. */
  get spare(): readonly ObjectCopy[] {
    return this.stage === 'current' && !this.#isPinned ? this.#queue : [];
  }

  get isSharded(): boolean {
    return this.plan.erasure !== undefined;
  }

  /** Takes one of the spare copies instead. */
  moveTo(copy: ObjectCopy): void {
    this.#queue = [...this.#queue.filter((other) => other !== copy), this.copy!];
    this.copy = copy;
  }

  #nextStage(): boolean {
    if (this.#stage === STAGES.length - 1) return false;
    this.#stage++;
    const failedBy = (isWanted: (failure: CopyFailure) => boolean) => {
      const failed = this.failed.filter(({ failure }) => isWanted(failure));
      // Whichever shard it was asked through, that disk may have died meanwhile.
      return this.isSharded && failed.length > 0
        ? [...this.plan.copies]
        : failed.map(({ copy }) => copy);
    };
    if (this.stage === 'whole') this.#queue = failedBy((failure) => failure !== 'unreadable');
    else if (this.stage === 'sectors')
      this.#queue = failedBy((failure) => failure === 'unreadable');
    else this.#queue = [...this.plan.lastResort];
    return true;
  }

  job(verify: Verify, lanes: ReadLanes): CopyJob {
    const { plan, stage } = this;
    return {
      ref: this.copy!.ref,
      ec: plan.erasure && { ...plan.erasure, shards: lanes.located(plan.copies) },
      size: plan.size,
      digest: plan.digest,
      pieces: this.pieces,
      overwrite: this.failed.length > 0,
      salvage: stage === 'sectors',
      lenient: stage === 'whole' || stage === 'older' || verify === 'none',
      examine: plan.unexamined,
      // What belongs to a snapshot is shared by other snapshots, and by clones.
      lastUse: plan.layer.snapId === NOSNAP,
    };
  }

  /** Why the copies that count could not be used. */
  get whyNot(): string {
    const { plan } = this;
    if (this.failed.length > 0) return this.failed.map(({ reason }) => reason).join('; ');
    const names = plan.copies.map(({ osd }) => osd.name).join(', ');
    return `version ${plan.version ?? 'unknown'} is on ${names}, not at hand`;
  }

  /** Why what was copied last may be wrong; undefined when it is as good as proven. */
  get doubt(): string | undefined {
    const { stage, plan } = this;
    if (stage === 'whole') return this.whyNot;
    if (stage === 'older')
      return `${this.whyNot}; another version was taken from ${this.copy!.osd.name}`;
    // Sector by sector nobody has checked the whole, or whole shards, against a checksum.
    const { digest, unexamined, erasure } = plan;
    if (stage === 'sectors' && (digest !== undefined || unexamined || erasure !== undefined))
      return this.whyNot;
    return plan.doubt;
  }
}
