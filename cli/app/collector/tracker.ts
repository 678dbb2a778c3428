/** Composition of the tracker's files, with the path that this collector takes events at. */

/** The built files by the ending of their path. */
export async function openTracker(path: string) {
  const { INLET_PATH, readTracker } = await import('../../web/tracker/tracker-files.ts')
  const { script, module, types } = await readTracker()
  const fill = (file: Buffer) => Buffer.from(file.toString('utf8').replace(INLET_PATH, path))
  return { '.js': fill(script), '.mjs': fill(module), '.d.ts': types }
}
