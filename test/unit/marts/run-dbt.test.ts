/** What ccs reads from dbt's command line, log and results, and where a rebuild starts. */
import { describe, expect, test } from 'vitest'
import { readDbtTask, splitDbtArgs } from '../../../cli/domain/marts/dbt-args.ts'
import { errorSentence, readDbtLine } from '../../../cli/domain/marts/dbt-log.ts'
import { readOutcome } from '../../../cli/domain/marts/dbt-results.ts'
import { type BuildInput, findRebuildRange } from '../../../cli/domain/marts/marts.ts'

describe('the command line', () => {
  test('flags of ccs are removed anywhere; everything after -- goes to dbt', () => {
    expect(
      splitDbtArgs(['build', '--data', 'd', '--select', 'x', '--project=p', '--json']),
    ).toEqual({ own: ['--data', 'd', '--project=p', '--json'], dbt: ['build', '--select', 'x'] })
    expect(splitDbtArgs(['--json', '--', 'ls', '--help', '--json'])).toEqual({
      own: ['--json'],
      dbt: ['ls', '--help', '--json'],
    })
  })

  test('only a build of all nodes into the local warehouse may be published', () => {
    const isWhole = (...args: string[]) => readDbtTask(args).isWhole
    expect(isWhole('build')).toBe(true)
    expect(isWhole('build', '--full-refresh', '--threads', '2')).toBe(true)
    expect(isWhole('build', '--target', 'duckdb')).toBe(true)
    for (const more of [
      ['-s', 'x'],
      ['--select=x'],
      ['--exclude', 'x'],
      ['--empty'],
      ['-t', 'redshift'],
    ])
      expect(isWhole('build', ...more)).toBe(false)
    expect(isWhole('run')).toBe(false)
  })

  test('docs alone builds one page; a second word is left to dbt', () => {
    expect(readDbtTask(['docs']).args).toEqual(['docs', 'generate', '--static'])
    expect(readDbtTask(['docs', 'serve', '--port', '1']).command).toBe('docs serve')
  })

  test('--vars is read as YAML and removed; anything but a map is rejected', () => {
    const task = readDbtTask(['build', '--vars', '{since: 2026-11-22, n: 1}', '--debug'])
    expect(task.vars).toEqual({ since: '2026-11-22', n: 1 })
    expect(task.args).toEqual(['build', '--debug'])
    expect(() => readDbtTask(['build', '--vars', 'x'])).toThrow('map of names')
    expect(() => readDbtTask([])).toThrow('needs a dbt command')
  })
})

describe('the log', () => {
  const line = (info: object, data: object) => JSON.stringify({ info, data })

  test('only the end of a node moves the progress', () => {
    const data = { index: 3, total: 36, node_info: { node_name: 'fct_orders' } }
    expect(readDbtLine(line({ name: 'LogModelResult', level: 'info' }, data))).toEqual({
      kind: 'node',
      name: 'fct_orders',
      done: 3,
      total: 36,
    })
    expect(readDbtLine(line({ name: 'LogStartLine', level: 'info' }, data))).toBeUndefined()
    expect(readDbtLine('warning: something')).toBeUndefined()
    expect(readDbtLine('{"info":{"name":"LogMo')).toBeUndefined()
  })

  test('the version is dbt’s, and an error keeps its text', () => {
    expect(readDbtLine(line({ name: 'MainReportVersion' }, { version: '=1.11.16' }))).toEqual({
      kind: 'version',
      version: '1.11.16',
    })
    const error = { name: 'MainEncounteredError', level: 'error', msg: 'Compilation Error\n  no' }
    expect(readDbtLine(line(error, {}))).toEqual({ kind: 'error', text: 'Compilation Error\n  no' })
  })

  test('the last message is the first informative line, with the file it names', () => {
    expect(
      errorSentence([
        '10:40:22  Running with dbt=1.11.16',
        '10:40:23  Encountered an error:\nRuntime Error\n  at path x: bad\n\nError encountered in /p/dbt_project.yml',
      ]),
    ).toBe('/p/dbt_project.yml: at path x: bad.')
    expect(errorSentence(['Usage: dbt build\nTry it\n\nError: No such option: --nope'])).toContain(
      'Try it',
    )
    expect(errorSentence([''])).toBe('it ended without a message.')
  })
})

describe('the outcome', () => {
  const manifest = {
    nodes: {
      'model.shop.fct_orders': { name: 'fct_orders', original_file_path: 'models/fct_orders.sql' },
      'test.shop.unique_x.1': {
        name: 'unique_fct_orders_order_id',
        original_file_path: 'models/marts.yml',
        column_name: 'order_id',
        attached_node: 'model.shop.fct_orders',
        test_metadata: { name: 'unique' },
      },
    },
  }
  const result = (id: string, status: string, more: object = {}) => ({
    unique_id: id,
    status,
    ...more,
  })

  test('a failed test reports its rows and the violated rule', () => {
    const { failures, counts } = readOutcome(
      { results: [result('test.shop.unique_x.1', 'fail', { failures: 3 })] },
      manifest,
    )
    expect(counts).toEqual({ passed: 0, warned: 0, failed: 1, skipped: 0 })
    expect(failures[0]).toMatchObject({
      kind: 'test',
      file: 'dbt/models/marts.yml',
      message:
        'The test unique_fct_orders_order_id found 3 rows (fct_orders.order_id must be unique).',
    })
  })

  test('a failed model reports the database’s error without dbt’s heading', () => {
    const message =
      'Runtime Error in model fct_orders (models/fct_orders.sql)\n  Binder Error: no column "x"\n  LINE 1'
    const { failures } = readOutcome(
      { results: [result('model.shop.fct_orders', 'error', { message })] },
      manifest,
    )
    expect(failures[0]?.message).toBe('The model fct_orders failed: Binder Error: no column "x".')
    expect(failures[0]?.file).toBe('dbt/models/fct_orders.sql')
  })

  test('a skipped node did not fail, and an unknown node keeps its id as name', () => {
    const { counts, failures } = readOutcome(
      {
        results: [
          result('model.shop.a', 'success'),
          result('model.shop.b', 'skipped'),
          result('model.shop.c', 'error'),
          result('test.shop.d.9f', 'warn', { failures: 1 }),
        ],
      },
      undefined,
    )
    expect(counts).toEqual({ passed: 1, warned: 1, failed: 1, skipped: 1 })
    expect(failures.map((one) => one.name)).toEqual(['c'])
  })
})

describe('the first day to rebuild', () => {
  const seen = (tables: BuildInput['tables'], more: Partial<BuildInput> = {}): BuildInput => ({
    format: 1,
    generation: 1,
    logic: 'a',
    tables,
    ...more,
  })
  const day = (date: string, rows: number, files: Record<string, string>) => ({
    [`event_date=${date}`]: { rows, files },
  })
  const before = seen({
    'silver.orders': {
      ...day('2026-11-20', 5, { a: '100-1', b: '50-1' }),
      ...day('2026-11-21', 2, { c: '10-1' }),
    },
  })
  const now = (tables: BuildInput['tables'], more?: Partial<BuildInput>) =>
    findRebuildRange(before, seen(tables, more))

  test('is the earliest day with more rows in any table', () => {
    expect(
      now({
        'silver.orders': {
          ...before.tables['silver.orders'],
          ...day('2026-11-21', 3, { c: '10-1', d: '9-2' }),
          ...day('2026-11-22', 1, { e: '9-2' }),
        },
      }),
    ).toEqual({ kind: 'from', date: '2026-11-21' })
    expect(now({ ...before.tables, 'silver.refunds': day('2026-11-19', 1, { r: '9-2' }) })).toEqual(
      { kind: 'from', date: '2026-11-19' },
    )
  })

  test('is none if files were only compacted', () => {
    expect(
      now({
        'silver.orders': {
          ...before.tables['silver.orders'],
          ...day('2026-11-20', 5, { ab: '140-9' }),
        },
      }),
    ).toEqual({ kind: 'from', date: null })
  })

  test('is the day of a file that somebody changed', () => {
    expect(
      now({
        'silver.orders': {
          ...before.tables['silver.orders'],
          ...day('2026-11-20', 5, { a: '100-7', b: '50-1' }),
        },
      }),
    ).toEqual({ kind: 'from', date: '2026-11-20' })
  })

  test('is unknown without a last build, with other logic, or after a lost day', () => {
    expect(findRebuildRange(undefined, before).kind).toBe('all')
    expect(now(before.tables, { generation: 2 }).kind).toBe('all')
    expect(now(before.tables, { logic: 'b' }).kind).toBe('all')
    expect(now({ 'silver.orders': day('2026-11-21', 2, { c: '10-1' }) }).kind).toBe('all')
  })
})
