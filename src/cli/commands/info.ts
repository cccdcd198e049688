import { EXIT, type ExitCode } from '../../errors/exit-codes.ts';
import { buildLayer } from '../../image/layer.ts';
import { presenceOf } from '../../image/presence.ts';
import { type CommandContext, printJson } from '../context.ts';
import { examine } from '../examine.ts';
import type { Registry } from '../main.ts';
import {
  addCommonOptions,
  addImageOptions,
  addSourceOptions,
  type CommonOptions,
  type ImageOptions,
  type SourceOptions,
} from '../options.ts';
import { imageInfo, infoText } from '../render/image-info.ts';
import { selectImage } from '../select-image.ts';
import { withSource } from '../with-source.ts';

interface InfoOptions extends CommonOptions, SourceOptions, ImageOptions {
  spec: string | undefined;
}

export async function info(options: InfoOptions, context: CommandContext): Promise<ExitCode> {
  return withSource(options, context, async (source) => {
    const chosen = selectImage(source, options);
    await examine(source, [chosen]);
    const { image, snapshot } = chosen;
    const layer = buildLayer(image, snapshot);
    const result = imageInfo(layer, snapshot, presenceOf(layer));
    if (context.json) printJson(context, result);
    else context.streams.stdout.write(infoText(result));
    return EXIT.ok;
  });
}

export function registerInfo({ program, run }: Registry): void {
  const command = program
    .command('info')
    .description('what an image is, and what was found of it')
    .argument('[image-spec]', '[POOL/[NAMESPACE/]]IMAGE[@SNAP]');
  addCommonOptions(addSourceOptions(addImageOptions(command))).action(
    (spec: string | undefined, options: Omit<InfoOptions, 'spec'>) =>
      run(info, { ...options, spec }),
  );
}
