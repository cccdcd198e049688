import type { Layer } from '../image/layer.ts';
import type { ImageTarget } from '../io/image-sink.ts';
import { compareReplicas } from './compare-replicas.ts';
import { type CopyTotals, copyPlans, type Verify } from './copy-plans.ts';
import {
  type ImageRange,
  type Losses,
  type ObjectPlan,
  planBelow,
  planNewer,
  planRanges,
} from './plan.ts';
import type { ReadLanes } from './read-lanes.ts';

/** Plans ranges of a layer and copies them into a target that reads as zeros there. */
export async function copyRanges(
  layer: Layer,
  ranges: readonly ImageRange[],
  lanes: ReadLanes,
  target: ImageTarget,
  verify: Verify,
  losses: Losses,
): Promise<CopyTotals> {
  const plans = await planRanges(layer, ranges, lanes.readAttrs, losses);
  return copyPlanned(plans, lanes, target, verify, losses);
}

/** Copies what is planned, and what shows through where an object turns out not to exist. */
export async function copyPlanned(
  planned: readonly ObjectPlan[],
  lanes: ReadLanes,
  target: ImageTarget,
  verify: Verify,
  losses: Losses,
): Promise<CopyTotals> {
  const totals: CopyTotals = { read: 0, written: 0, objects: 0 };
  let plans = planned;
  while (plans.length > 0) {
    if (verify === 'replicas') plans = await compareReplicas(plans, lanes);
    const copied = await copyPlans(plans, lanes, target, verify, losses);
    totals.read += copied.read;
    totals.written += copied.written;
    totals.objects += copied.objects;
    plans = [
      ...(await planBelow(copied.gone, lanes.readAttrs, losses)),
      ...(await planNewer(copied.bereft, lanes.readAttrs, losses)),
    ];
  }
  return totals;
}
