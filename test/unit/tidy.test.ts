/**
 * The rules of CONTRIBUTING.md that a machine can check: who may import whom, what domain may touch, how long
 * a file may be, where a package comes in, and that every error code is thrown and explained.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { ERROR_CODES } from '../../cli/domain/kernel/errors.ts'
import { measureHouse } from '../house.js'

const CLI = path.resolve(import.meta.dirname, '../../cli')
const LINES_MAX = 300

/** Areas of cli/domain in the order in which they build on one another: each may import those before it. */
const AREAS = [
  'kernel',
  'log',
  'documents',
  'console',
  'config',
  'avro',
  'events',
  'schemas',
  'sql',
  'models',
  'dialects',
  'lake',
  'backup',
  'privacy',
  'erase',
  'gate',
  'ingest',
  'collector',
  'dlq',
  'pipeline',
  'connectors',
  'deploy',
  'query',
  'audit',
  'reconcile',
  'provenance',
  'model-tests',
  'marts',
  'warehouse',
  'live',
  'monitoring',
  'doctor',
  'devstack',
  'bi',
  'setup',
].map((area) => `domain/${area}`)

/** Adapters that other adapters, engines and web may use. */
const SHARED_ADAPTERS = ['files', 'http', 'duckdb', 'process'].map((name) => `adapters/${name}`)

/** What a room may import besides itself, or undefined for a file that lies in no room. */
function mayImport(room: string): readonly string[] | undefined {
  const [folder] = room.split('/')
  if (folder === 'domain') {
    const at = AREAS.indexOf(room)
    return at < 0 ? undefined : AREAS.slice(0, at)
  }
  if (folder === 'generate' || folder === 'project.ts') return AREAS
  if (folder === 'adapters' || folder === 'engines' || folder === 'web')
    return [...AREAS, ...SHARED_ADAPTERS]
  if (room === 'command.ts')
    return [...AREAS, 'adapters/terminal', 'adapters/process', 'project.ts']
  if (folder === 'app') return [...AREAS, ...ROOMS, 'project.ts', 'generate']
  if (folder === 'commands') return [...AREAS, 'command.ts', 'project.ts', 'app', 'generate']
  return undefined
}

const PURE_BUILTINS = ['node:crypto', 'node:buffer', 'node:util']
const IMPURE =
  /\b(process\.|Date\.now|new Date\(\)|Math\.random|performance\.now|setTimeout|setInterval|fetch\(|randomBytes|randomUUID|require\()/g

/** `domain/log`, `adapters/kafka`, `engines/embedded`, `web/live`; else the first part of a file's path. */
function roomOf(file: string): string {
  const [folder = '', room = ''] = file.split(path.sep)
  if (['domain', 'adapters', 'engines', 'web'].includes(folder)) return `${folder}/${room}`
  return folder.replace(/^command-\w+\.ts$/, 'command.ts')
}

interface Source {
  readonly file: string
  readonly folder: string
  readonly lines: number
  readonly text: string
  /** Text without comments. */
  readonly code: string
  /** Import specifiers, of types and dynamic ones too. */
  readonly imports: readonly string[]
}

const sources: readonly Source[] = readdirSync(CLI, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .sort()
  .map((file) => {
    const text = readFileSync(path.join(CLI, file), 'utf8')
    const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1')
    const imports = [...code.matchAll(/\b(?:from|import)\s*\(?\s*'([^']+)'/g)]
    return {
      file,
      folder: roomOf(file),
      lines: text.split('\n').length - 1,
      text,
      code,
      imports: imports.map((match) => match[1] ?? ''),
    }
  })

/** `file: what is wrong with it` for each source that a rule finds fault with. */
function faults(rule: (source: Source) => readonly string[]): readonly string[] {
  return sources.flatMap((source) => rule(source).map((fault) => `${source.file}: ${fault}`))
}

const ROOMS = [...new Set(sources.map(({ folder }) => folder))].filter((room) =>
  /^(adapters|engines|web)\//.test(room),
)

test('a file imports only what its room may', () => {
  const foreign = faults(({ file, folder, imports }) => {
    const allowed = mayImport(folder)
    if (!allowed) return ['is in no room']
    return imports
      .filter((specifier) => specifier.startsWith('.'))
      .map((specifier) => path.join(path.dirname(file), specifier))
      .filter((target) => {
        const room = roomOf(target)
        return room !== folder && !allowed.includes(room)
      })
  })
  expect(foreign).toEqual([])
})

test(`a file has at most ${LINES_MAX} lines`, () => {
  expect(faults(({ lines }) => (lines > LINES_MAX ? [`${lines} lines`] : []))).toEqual([])
})

describe('the figures of `npm run house` do not grow back', () => {
  const house = measureHouse()

  test('cli/app is small, and so is each of its files', () => {
    expect(house.appLongest?.lines, house.appLongest?.file).toBeLessThanOrEqual(120)
    // A new use case is a new file; those that are there don't grow.
    expect(house.appLines / house.appFiles).toBeLessThanOrEqual(72)
  })

  test('no folder has more than 30 files, but that of the commands', () => {
    const { folder, files } = house.largestFolder
    expect(files, folder).toBeLessThanOrEqual(30)
  })

  test('engines are named in their places only', () => {
    expect(house.engineNames).toEqual([])
  })

  test('no files import one another in a circle, types included', () => {
    expect(house.circles).toEqual([])
  })

  test('every export has a comment, and no line is over 100 columns', () => {
    expect(house.uncommented).toEqual([])
    expect(house.wideLines).toEqual([])
  })

  test('packages are reached by their public names', () => {
    expect(house.privatePaths).toEqual([])
  })
})

test('a file opens with a comment on what it is for, a command has a summary', () => {
  const silent = faults(({ folder, text }) => {
    const isSaid = folder === 'commands' ? /summary/.test(text) : /^\/[*/]/.test(text)
    return isSaid ? [] : ['opens without a comment']
  })
  expect(silent).toEqual([])
})

test('only screen.ts writes to the console, and oclif not at all', () => {
  const screen = path.join('adapters', 'terminal', 'screen.ts')
  // What holds the streams hands them to screen.ts; others may ask how wide a terminal is.
  const holders = [screen, 'command.ts', 'command-errors.ts']
  const writing =
    /\bconsole\.\w+|\bstd(out|err)\.(write|end)\b|\b(this|ux)\.(log|logToStderr|warn|stdout)\(/g
  const printing = faults(({ file, code }) => {
    const isHolder = holders.includes(file) || path.dirname(file) === path.dirname(screen)
    const found = [
      ...(file === screen ? [] : (code.match(writing) ?? [])),
      ...(file !== screen && isHolder ? (code.match(/\b(stream|output)\.write\(/g) ?? []) : []),
      ...(isHolder ? [] : (code.match(/process\.std(out|err)\b(?!\.(isTTY|columns)\b)/g) ?? [])),
    ]
    return found
  })
  expect(printing).toEqual([])
})

test('lists of any length are no arguments: the stack ends at some 120,000 of them', () => {
  const spread = faults(({ code }) => code.match(/(\.push|Math\.(max|min))\(\s*\.\.\./g) ?? [])
  expect(spread).toEqual([])
})

test('domain touches no disk, network, clock, process or randomness', () => {
  const touching = faults(({ folder, code, imports }) => {
    if (!folder.startsWith('domain/')) return []
    const builtins = imports.filter((specifier) => specifier.startsWith('node:'))
    return [
      ...builtins.filter((specifier) => !PURE_BUILTINS.includes(specifier)),
      ...(code.match(IMPURE) ?? []),
    ]
  })
  expect(touching).toEqual([])
})

test('a third-party package is imported in one file only, oclif in the commands too', () => {
  const users = new Map<string, Set<string>>()
  for (const { file, folder, imports } of sources)
    for (const specifier of imports) {
      if (specifier.startsWith('.') || specifier.startsWith('node:')) continue
      const name = /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier
      if (name === '@oclif/core' && (folder === 'command.ts' || folder === 'commands')) continue
      users.set(name, (users.get(name) ?? new Set()).add(file))
    }
  const shared = [...users].filter(([, files]) => files.size > 1)
  expect(shared.map(([name, files]) => `${name}: ${[...files].join(', ')}`)).toEqual([])
})

test('every error code is listed once and thrown somewhere', () => {
  expect(ERROR_CODES).toEqual([...new Set(ERROR_CODES)])
  const unused = ERROR_CODES.filter(
    (code) =>
      !sources.some(
        ({ file, code: text }) => !file.endsWith('errors.ts') && text.includes(`'${code}'`),
      ),
  )
  expect(unused).toEqual([])
})

test('every error code is explained in docs/errors.md, and no other is', () => {
  const docs = readFileSync(path.join(CLI, '../docs/errors.md'), 'utf8')
  const explained = [...docs.matchAll(/^\| `(CCS_\w+)`/gm)].map((match) => match[1])
  expect(explained.sort()).toEqual([...ERROR_CODES].sort())
})

test('SQL models open with their header, and schemas say what they are for', () => {
  const root = path.dirname(CLI)
  const opening = readdirSync(path.join(root, 'sql'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.sql') && file.includes(path.sep))
    .filter((file) => !readFileSync(path.join(root, 'sql', file), 'utf8').startsWith('/*\nkind: '))
  expect(opening).toEqual([])
  const undocumented = readdirSync(path.join(root, 'schemas'))
    .filter((file) => file.endsWith('.avsc'))
    .filter((file) => !JSON.parse(readFileSync(path.join(root, 'schemas', file), 'utf8')).doc)
  expect(undocumented).toEqual([])
})

const REPO = path.dirname(CLI)

/** Pages of the repository, as [path, text]. */
const pages: readonly (readonly [string, string])[] = [
  ...readdirSync(REPO).filter((file) => file.endsWith('.md')),
  ...readdirSync(path.join(REPO, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => path.join('docs', file)),
  path.join('dbt', 'README.md'),
].map((file) => [file, readFileSync(path.join(REPO, file), 'utf8')])

test('every path of the repository that a page names exists', () => {
  const namedPath = /`((?:bin|cli|connectors|dbt|docs|examples|schemas|sql|stack|test)\/[\w./-]*)`/g
  const missing = pages.flatMap(([file, text]) =>
    [...text.matchAll(namedPath)]
      .map((match) => match[1] ?? '')
      .filter((named) => !existsSync(path.join(REPO, named)))
      .map((named) => `${file}: ${named}`),
  )
  expect(missing).toEqual([])
})

test('decisions in docs/adr are numbered from 1 without a gap', () => {
  const numbers = readdirSync(path.join(REPO, 'docs/adr'))
    .sort()
    .map((file) => Number(file.slice(0, 4)))
  expect(numbers).toEqual(numbers.map((_, index) => index + 1))
})

test('every link of a page to another file leads there', () => {
  const broken = pages.flatMap(([file, text]) =>
    [...text.matchAll(/\]\(([^)\s]+?)(?:#[^)]*)?\)/g)]
      .map((match) => match[1] ?? '')
      .filter((target) => !/^\w+:/.test(target) && !target.startsWith('#'))
      .filter((target) => !existsSync(path.join(REPO, path.dirname(file), target)))
      .map((target) => `${file}: ${target}`),
  )
  expect(broken).toEqual([])
})

test('code, tests and pages use the words of the field instead of those that they replaced', () => {
  const replaced =
    /\b(mischief|unhurried|hot rows|judgement|untold|told-rows|lake again|told\.ndjson)\b/i
  const folders = ['cli', 'docs', 'test'].flatMap((folder) =>
    readdirSync(path.join(REPO, folder), { recursive: true, encoding: 'utf8' }).map((file) =>
      path.join(folder, file),
    ),
  )
  const found = [...folders, 'README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'package.json']
    .filter((file) => /\.(ts|js|md|css|html|json)$/.test(file))
    .filter((file) => file !== path.join('test', 'unit', 'tidy.test.ts'))
    .flatMap((file) => {
      const word = replaced.exec(readFileSync(path.join(REPO, file), 'utf8'))
      return word ? [`${file}: ${word[0]}`] : []
    })
  expect(found).toEqual([])
})
