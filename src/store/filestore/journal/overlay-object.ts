import type { OpenObject } from '../../object-store.ts';
import { attrFromOps } from './attr-ops.ts';
import type { BaseFile } from './base-files.ts';
import type { DataSource, ObjectState } from './object-state.ts';
import { type Piece, pieceAt, sizeOf } from './pieces.ts';
import type { JournalRing } from './ring.ts';

/** What an object needs of the store to be read. */
export interface ObjectContext {
  ring: JournalRing;
  /** for messages */
  path: string;
  mtimeMs: number;
  openFile(file: BaseFile): OpenObject;
  /** an attribute as the file of the object that had it before the journal says */
  baseAttr(name: string): Uint8Array | undefined;
}

/** An object as the replay leaves it: read from its file and from the journal. */
export class OverlayObject implements OpenObject {
  readonly size: number;
  readonly #state: ObjectState;
  readonly #context: ObjectContext;
  readonly #open = new Map<BaseFile, OpenObject>();

  constructor(state: ObjectState, context: ObjectContext) {
    this.#state = state;
    this.#context = context;
    this.size = sizeOf(state.pieces);
  }

  get path(): string {
    return this.#context.path;
  }
  get mtimeMs(): number {
    return this.#context.mtimeMs;
  }

  attr(name: string): Uint8Array | undefined {
    const found = attrFromOps(this.#context.ring, this.#state.attrOps, name);
    if (found !== undefined) return found ?? undefined;
    return this.#context.baseAttr(name);
  }

  #file(file: BaseFile): OpenObject {
    let object = this.#open.get(file);
    if (object === undefined) {
      object = this.#context.openFile(file);
      this.#open.set(file, object);
    }
    return object;
  }

  read(target: Uint8Array, position: number): number {
    const { pieces } = this.#state;
    const end = Math.min(position + target.length, this.size);
    for (let i = pieceAt(pieces, position); i < pieces.length && pieces[i]!.start < end; i++) {
      const piece = pieces[i]!;
      const from = Math.max(piece.start, position);
      const to = Math.min(piece.end, end);
      this.#readPiece(piece, target.subarray(from - position, to - position), from);
    }
    return Math.max(0, end - position);
  }

  #readPiece({ source, at, start }: Piece<DataSource>, target: Uint8Array, from: number): void {
    const position = at + from - start;
    if (source === undefined) target.fill(0);
    else if (source === 'journal') this.#context.ring.read(target, position);
    else target.fill(0, this.#file(source).read(target, position));
  }

  nextData(from: number, to: number): [start: number, end: number] | undefined {
    const { pieces } = this.#state;
    for (let i = pieceAt(pieces, from); i < pieces.length && pieces[i]!.start < to; i++) {
      const piece = pieces[i]!;
      const found = this.#dataIn(piece, Math.max(piece.start, from), Math.min(piece.end, to));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #dataIn(
    { source, at, start }: Piece<DataSource>,
    from: number,
    to: number,
  ): [number, number] | undefined {
    if (source === undefined) return undefined;
    if (source === 'journal') return [from, to];
    const shift = at - start;
    const data = this.#file(source).nextData(from + shift, to + shift);
    return data && [data[0] - shift, data[1] - shift];
  }

  close(): void {
    for (const object of this.#open.values()) object.close();
    this.#open.clear();
  }
}
