/** Footers of files of the copy: the last bytes of each object, and no more. */

import type { ObjectStore } from '../../domain/lake/s3/object-store.ts'
import type { FooterReader } from '../../domain/warehouse/warehouse.ts'
import { measureFooter, ParquetFooters } from '../duckdb/parquet-footer.ts'

/** Enough for the footers of most files. */
const FIRST_BYTES = 64 * 1024

/** `directory` is for files that are there for a moment. */
export function openFooterReader(
  store: Pick<ObjectStore, 'readEnd'>,
  directory: string,
): FooterReader {
  const footers = new ParquetFooters(directory)
  return {
    read: async (file) => {
      let found = file.bytes === 0 ? undefined : await store.readEnd(file.key, FIRST_BYTES)
      const none = 'is not a Parquet file'
      if (!found) return { file, bytes: undefined, footer: none }
      const { bytes } = found
      const length = measureFooter(found.end)
      if (typeof length === 'string' || length > bytes)
        return { file, bytes, footer: typeof length === 'string' ? length : none }
      if (length > found.end.length) found = await store.readEnd(file.key, length)
      const end = found?.end.subarray(-length)
      return { file, bytes, footer: end ? await footers.read(end, bytes) : none }
    },
    close: () => footers.close(),
  }
}
