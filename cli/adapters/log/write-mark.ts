/** The file `durable` of a partition whose segments were written anew. */
import type { Files } from '../files/files.ts'
import type { CheckedPartition } from './check-partition.ts'
import { type DurableMark, encodeMark, markPath } from './durable-end.ts'

/** Tells readers and the next writer how far the log now is. */
export async function writeMark(
  files: Files,
  dir: string,
  { segments, report, mark }: CheckedPartition,
): Promise<void> {
  const last = segments.at(-1)
  const end = last?.runs.at(-1)?.end ?? { position: 0, offset: last?.base ?? 0 }
  const appendMs = Math.max(report.lastMs ?? 0, mark?.appendMs ?? 0)
  await saveMark(files, dir, { segment: last?.base ?? 0, end, appendMs })
}

/** Writes the mark, durably. */
export async function saveMark(files: Files, dir: string, mark: DurableMark): Promise<void> {
  const file = await files.open(markPath(dir), 'w+')
  try {
    await file.write([encodeMark(mark)], 0)
    await file.sync()
  } finally {
    await file.close()
  }
}
