/** Characters that mean something in file names, and some that do not. */
const ALPHABET = [...'0aAgG_.\\/ude%\xff'];

/** A name with one character dropped, changed or added, at each place. */
export function* nameVariants(file: string): Generator<string> {
  for (let at = 0; at <= file.length; at++) {
    yield file.slice(0, at) + file.slice(at + 1);
    for (const c of ALPHABET) {
      yield file.slice(0, at) + c + file.slice(at + 1);
      yield file.slice(0, at) + c + file.slice(at);
    }
  }
}
