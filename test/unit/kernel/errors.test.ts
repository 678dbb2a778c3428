/** Errors as people and scripts see them, and the formatting of durations, tables and progress. */
import { describe, expect, test } from 'vitest'
import { toCcsError } from '../../../cli/command-errors.ts'
import {
  createPainter,
  formatError,
  formatProgress,
  formatTable,
  toErrorDocument,
} from '../../../cli/domain/console/text.ts'
import { didYouMean, findNearest } from '../../../cli/domain/kernel/did-you-mean.ts'
import { CcsError, EXIT, throwAll } from '../../../cli/domain/kernel/errors.ts'
import {
  formatBytes,
  formatDuration,
  parseDurationMs,
  parseSizeBytes,
} from '../../../cli/domain/kernel/units.ts'

const plain = createPainter(false)

describe('an error', () => {
  const error = new CcsError('CCS_MODEL_INVALID', 'There is no column "revenu".', {
    exit: EXIT.usage,
    location: { file: 'sql/gold/x.sql', line: 12, column: 7, text: '  sum(revenu) AS revenue' },
    hint: 'Did you mean "revenue"?',
  })

  test('shows message, place, the line with a caret under the fault, and the hint', () => {
    expect(formatError(error, plain)).toEqual([
      'error[CCS_MODEL_INVALID]: There is no column "revenu".',
      '  at sql/gold/x.sql:12:7',
      '  12 |   sum(revenu) AS revenue',
      '             ^',
      '  Did you mean "revenue"?',
    ])
  })

  test('with others shows all of them and how many there are', () => {
    const other = new CcsError('CCS_MODEL_INVALID', 'There is no key.')
    const lines = formatError(
      new CcsError('CCS_MODEL_INVALID', 'One.', { others: [error, other] }),
      plain,
    )
    expect(lines.filter((line) => line.startsWith('error'))).toHaveLength(3)
    expect(lines.at(-1)).toBe('3 faults.')
  })

  test('in a very long line shows only the text around it', () => {
    const text = `${'x'.repeat(500)}HERE${'y'.repeat(500)}`
    const long = new CcsError('CCS_MODEL_INVALID', 'Far.', {
      location: { file: 'a.sql', line: 1, column: 501, text },
    })
    const [, , shown = '', caret = ''] = formatError(long, plain)
    expect(shown.length).toBeLessThan(120)
    expect(shown.slice(caret.indexOf('^'), caret.indexOf('^') + 4)).toBe('HERE')
  })

  test('as a document has no keys for what is not known', () => {
    expect(toErrorDocument(new CcsError('CCS_DISK_FULL', 'Full.'))).toEqual({
      code: 'CCS_DISK_FULL',
      message: 'Full.',
    })
    expect(toErrorDocument(error)).toMatchObject({ location: { line: 12, column: 7 } })
  })

  test('of several faults is the first, with all the others inside', () => {
    const nested = new CcsError('CCS_MODEL_INVALID', 'Second.', { others: [error] })
    expect(() => throwAll([])).not.toThrow()
    try {
      throwAll([new CcsError('CCS_CONFIG_INVALID', 'First.', { exit: EXIT.usage }), nested])
      expect.unreachable()
    } catch (thrown) {
      expect(thrown).toMatchObject({ message: 'First.', exit: 2, others: [nested, error] })
    }
  })
})

describe('an error that ccs did not throw', () => {
  test.each([
    ['EACCES', 'CCS_DISK_DENIED'],
    ['EROFS', 'CCS_DISK_DENIED'],
    ['ENOSPC', 'CCS_DISK_FULL'],
    ['EOTHER', 'CCS_UNEXPECTED'],
  ])('%s of the system becomes %s', (code, expected) => {
    const cause = Object.assign(new Error(`${code}: no`), { code })
    expect(toCcsError(cause)).toMatchObject({ code: expected, exit: 1, cause })
  })

  test('a file of ccs that is not found is not a mistake of the user, and says what to try', () => {
    const cause = Object.assign(new Error("Cannot find package 'avsc'"), {
      code: 'ERR_MODULE_NOT_FOUND',
    })
    expect(toCcsError(cause)).toMatchObject({
      ...{ code: 'CCS_DISK_FAILED', exit: 1 },
      message: "ccs can't load a file of its own: Cannot find package 'avsc'",
      hint: expect.stringContaining('ulimit -n'),
    })
  })

  test('a directory that was replaced under the shell is named, with the way into the new one', () => {
    const cause = Object.assign(new Error('ENOENT: no such file or directory, uv_cwd'), {
      code: 'ENOENT',
    })
    expect(toCcsError(cause)).toMatchObject({
      ...{ code: 'CCS_PROJECT_NOT_FOUND', hint: expect.stringContaining('cd "$PWD"') },
    })
  })

  test('of any type becomes a sentence', () => {
    expect(toCcsError(undefined).message).toBe('Something went wrong inside ccs: undefined')
  })
})

test('a table may have any number of rows', () => {
  const rows = Array.from({ length: 200_000 }, (_, i) => ({ i }))
  expect(formatTable([{ key: 'i' }], rows, { width: 80, paint: (_, text) => text })).toHaveLength(
    200_001,
  )
})

describe('did you mean', () => {
  test.each([
    ['timezon', 'timezone'],
    ['nmae', 'name'],
    ['DATA', 'data'],
    ['xyz', undefined],
    ['', undefined],
  ])('%s → %s', (word, expected) => {
    expect(findNearest(word, ['timezone', 'name', 'data'])).toBe(expected)
  })

  test('lists all known words if none is similar', () => {
    expect(didYouMean('xyz', ['b', 'a'])).toBe('Known: a, b.')
  })
})

describe('quantities', () => {
  test.each([
    ['20s', 20_000],
    ['30 minutes', 1_800_000],
    ['1.5 hours', 5_400_000],
    ['250ms', 250],
    ['2 d', 172_800_000],
    ['', undefined],
    ['20', undefined],
    ['-5s', undefined],
    ['5 parsecs', undefined],
    ['5 constructor', undefined],
    ['99999999999999999 d', undefined],
  ])('%s is %s ms', (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms)
  })

  test.each([
    ['1 MiB', 1_048_576],
    ['512KB', 512_000],
    ['10 bytes', 10],
    ['1 m', undefined],
  ])('%s is %s bytes', (text, bytes) => {
    expect(parseSizeBytes(text)).toBe(bytes)
  })

  test('are formatted for people', () => {
    const durations = [0, 850, 12_340, 59_999, 245_000, 7_800_000, 273_600_000, -1500]
    expect(durations.map(formatDuration)).toEqual([
      ...['0 ms', '850 ms', '12.3 s', '1 min', '4 min 5 s', '2 h 10 min', '3 d 4 h', '-1.5 s'],
    ])
    expect([512, 1536, 20_971_520, 3 * 1024 ** 4].map(formatBytes)).toEqual([
      ...['512 B', '1.5 KiB', '20 MiB', '3 TiB'],
    ])
  })
})

describe('a table', () => {
  test('aligns numbers right, cuts the widest column and escapes control characters', () => {
    const rows = [
      { name: 'a\u001B[31m', events: 1_234_567, note: 'x'.repeat(100) },
      { name: 'b', events: null, note: 'short' },
    ]
    const columns = [{ key: 'name' }, { key: 'events' }, { key: 'note' }]
    const lines = formatTable(columns, rows, { width: 40, paint: plain })
    expect(lines[0]).toBe('name          events  note')
    expect(lines[1]).toBe(`a\\u001b[31m  1234567  ${'x'.repeat(17)}…`)
    expect(lines.every((line) => line.length <= 40)).toBe(true)
  })
})

describe('a row that is wider than the terminal', () => {
  test('is printed with one value per line', () => {
    const columns = Array.from({ length: 12 }, (_, index) => ({ key: `column_${index}` }))
    const row = Object.fromEntries(columns.map(({ key }) => [key, 'some long value '.repeat(10)]))
    const lines = formatTable(columns, [row, row], { width: 60, paint: plain })
    expect(lines).toHaveLength(25)
    expect(lines[11]).toMatch(/^column_11 {2}some long value .*…$/)
    expect(Math.max(...lines.map((line) => line.length))).toBe(60)
  })
})

describe('progress', () => {
  test('shows share, count and time left, cut to the width', () => {
    const state = { label: 'import', done: 500, total: 2000, elapsedMs: 3000 }
    expect(formatProgress(state, 80)).toBe(
      'import  █████░░░░░░░░░░░░░░░  25 %  500 of 2,000  9 s left',
    )
    expect(formatProgress(state, 20)).toHaveLength(20)
    expect(formatProgress({ label: 'gen', done: 500, elapsedMs: 3000 }, 80)).toBe('gen  500  3 s')
  })
})
