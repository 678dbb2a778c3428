/** The same files, read slowly. */
import type { Files } from './files.ts'

/** `pace` is awaited before each read, with the bytes that it may return at most. */
export function pacedFiles(files: Files, pace: (bytes: number) => Promise<void>): Files {
  return {
    ...files,
    open: async (path, mode) => {
      const file = await files.open(path, mode)
      return {
        read: async (into, position) => {
          await pace(into.length)
          return file.read(into, position)
        },
        write: (parts, position) => file.write(parts, position),
        truncate: (bytes) => file.truncate(bytes),
        datasync: () => file.datasync(),
        sync: () => file.sync(),
        size: () => file.size(),
        close: () => file.close(),
      }
    },
  }
}
