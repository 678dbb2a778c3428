/** A file of no bytes: it has no rows and no columns, whatever its format. */
import type { RowReader, SourceFormat, SourceRow } from '../../domain/documents/source-row.ts'

/** The reader of such a file. */
export class EmptyRows implements RowReader {
  readonly format: SourceFormat
  readonly columns = undefined
  readonly bytesTotal = 0
  readonly isEmpty = true

  constructor(format: SourceFormat) {
    this.format = format
  }

  bytesRead(): number {
    return 0
  }

  repeatedHeaders(): number {
    return 0
  }

  async *batches(): AsyncGenerator<readonly SourceRow[]> {}

  async close(): Promise<void> {}
}
