/** Files of a later ccs are refused with what to do; those that can be made again are made again. */
import { expect, test } from 'vitest'
import { parseSnapshot, renderSnapshot } from '../../../cli/domain/backup/snapshot-text.ts'
import { parseErased } from '../../../cli/domain/erase/erased-ids.ts'
import { EMPTY_MANIFEST } from '../../../cli/domain/lake/empty-manifest.ts'
import { parseManifest, renderManifest } from '../../../cli/domain/lake/manifest-text.ts'
import { parseBuildInput } from '../../../cli/domain/marts/marts.ts'

function errorOf(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

const later = (text: string) => text.replace(/"format": ?\d+/g, '"format": 99')

test.each([
  {
    what: 'a manifest',
    code: 'CCS_MANIFEST_INVALID',
    read: () => parseManifest(Buffer.from(later(String(renderManifest(EMPTY_MANIFEST)))), 'file'),
    known: 2,
    hint: 'Run the newer ccs that wrote it, or point --data at another directory.',
  },
  {
    what: 'a backup',
    code: 'CCS_BACKUP_INVALID',
    read: () => {
      const text = String(renderSnapshot({ takenMs: 1, commit: null, log: [], notes: [] }))
      return parseSnapshot(Buffer.from(text.replace('"format":1', '"format":99')), 'file')
    },
    known: 1,
    hint: 'Restore it with the newer ccs that wrote it.',
  },
  {
    what: 'the list of erased persons',
    code: 'CCS_MANIFEST_INVALID',
    read: () => parseErased('{"format":99,"keys":[],"people":{}}', 'file'),
    known: 1,
    hint: 'Run the newer ccs that wrote it, or point --data at another directory.',
  },
])('$what of a later format is refused', ({ code, read, known, hint }) => {
  expect(errorOf(read)).toMatchObject({
    code,
    message: `file has format 99; this ccs knows formats up to ${known}.`,
    hint,
  })
})

test('what a build of the marts read is not used in a later format: all is built', () => {
  const text = '{"format":1,"generation":1,"logic":"x","tables":{}}'
  expect(parseBuildInput(text)).toBeDefined()
  expect(parseBuildInput(later(text))).toBeUndefined()
})
