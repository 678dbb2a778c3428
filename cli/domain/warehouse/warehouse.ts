/** What a load needs of a warehouse and of the bucket: its ports. */
import type { CopiedFile } from '../lake/s3/copy-manifest.ts'
import type { FoundFile } from './check-files.ts'

/** A row of an answer: each value as text, or null. */
export type WarehouseRow = Readonly<Record<string, string | null>>

/** One session. */
export interface Warehouse {
  /**
   * Runs one statement. CCS_WAREHOUSE_REFUSED: the server says no. CCS_WAREHOUSE_UNREACHABLE: the
   * connection is gone; whether the statement took place is then unknown, and an open transaction
   * is undone by the server.
   */
  run(sql: string): Promise<readonly WarehouseRow[]>
  close(): Promise<void>
}

/** Reads the footers of files of the copy. */
export interface FooterReader {
  read(file: CopiedFile): Promise<FoundFile>
  close(): Promise<void>
}
