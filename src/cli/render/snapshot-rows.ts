import { nameToText } from '../../bytes/names.ts';
import type { MetadataObject } from '../../catalog/metadata.ts';
import { isSourceFault } from '../../errors/salvage-error.ts';
import type { Image } from '../../image/image.ts';
import { parseGroupHeader } from '../../rbd/groups.ts';
