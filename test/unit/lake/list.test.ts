import { expect, test } from 'vitest'
import { requireTable } from '../../../cli/domain/lake/list.ts'
import type { Manifest } from '../../../cli/domain/lake/manifest.ts'

test('a table that the lake does not have is refused with the one that was meant', () => {
  const file = { table: 'silver.events', partition: '', name: 'a', rows: 1, bytes: 1, crc32: 1 }
  const manifest = { files: [file] } as unknown as Manifest // nothing else of it is read
  expect(() => requireTable(manifest, 'silver.events')).not.toThrow()
  expect(() => requireTable(manifest, 'silver.evnts')).toThrow(
    expect.objectContaining({ hint: 'Did you mean silver.events?' }),
  )
  expect(() => requireTable(undefined, 'silver.events')).toThrow('no table silver.events')
})
