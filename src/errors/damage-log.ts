import type { Damage, DamageReporter } from './damage.ts';

/** Enough to see what is wrong; a disk with a million bad names must not fill the memory. */
const KEPT = 200;

/** Gathers damage: the first of it in full, all of it counted but for what is harmless. */
export class DamageLog {
  readonly kept: Damage[] = [];
  count = 0;

  readonly report: DamageReporter = (damage) => {
    if (!damage.harmless) this.count++;
    if (this.kept.length < KEPT) this.kept.push(damage);
  };

  add(other: { damage: readonly Damage[]; damageCount: number }): void {
    this.count += other.damageCount;
    this.kept.push(...other.damage.slice(0, Math.max(0, KEPT - this.kept.length)));
  }
}
