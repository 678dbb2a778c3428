/** The manifest of a data directory that has no commit yet. */
import type { Manifest } from './manifest.ts'

/** What a data directory has before its first commit, which gets serial 1. */
export const EMPTY_MANIFEST: Manifest = {
  format: 1,
  serial: 0,
  generation: 1,
  committedMs: 0,
  positions: [],
  dlqEnd: 0,
  counts: { records: 0, bronze: 0, duplicates: 0, dlq: 0, setAside: 0, late: 0 },
  files: [],
  state: [],
  models: [],
  schemas: [],
}
