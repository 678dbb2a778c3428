/**
 * The rules of CONTRIBUTING.md that a machine can check: who may import whom, what core may touch, how long
 * a file may be, where a package comes in, and that every error code is thrown and explained.
 */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { ERROR_CODES } from '../../cli/domain/kernel/errors.ts'

const CLI = path.resolve(import.meta.dirname, '../../cli')
const LINES_MAX = 300

/** By the first part of a file's path under cli/; a folder always sees itself, adapters only themselves. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  io: ['core'],
  engines: ['core', 'io'],
  log: ['core', 'io'],
  registry: ['core', 'io'],
  lake: ['core', 'io'],
  connect: ['core', 'io'],
  dash: ['core', 'io'],
  generate: ['core'],
  flows: ['core', 'generate'],
  'project.ts': ['core'],
  'command.ts': ['core', 'io', 'project.ts'],
  commands: ['command.ts', 'open.ts', 'project.ts', 'flows', 'core'],
}

const CORE_BUILTINS = ['node:crypto', 'node:buffer', 'node:util']
const IMPURE =
  /\b(process\.|Date\.now|new Date\(\)|Math\.random|performance\.now|setTimeout|setInterval|fetch\(|randomBytes|randomUUID|require\()/g

/** The composition root may be cut into open.ts, open-deploy.ts and so on, and so may command.ts. */
function layerOf(file: string): string {
  return (file.split(path.sep)[0] ?? '').replace(/^(open|command)-\w+\.ts$/, '$1.ts')
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
      folder: layerOf(file),
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

test('a file imports only what its layer may', () => {
  const foreign = faults(({ file, folder, imports }) => {
    if (folder === 'open.ts') return [] // the composition root knows everything
    const allowed = MAY_IMPORT[folder]
    if (!allowed) return ['is in no layer']
    return imports
      .filter((specifier) => specifier.startsWith('.'))
      .map((specifier) => path.join(path.dirname(file), specifier))
      .filter((target) => {
        const layer = layerOf(target)
        return layer !== folder && !allowed.includes(layer)
      })
  })
  expect(foreign).toEqual([])
})

test(`a file has at most ${LINES_MAX} lines`, () => {
  expect(faults(({ lines }) => (lines > LINES_MAX ? [`${lines} lines`] : []))).toEqual([])
})

test('a file opens with what it is for, a command says so in its summary', () => {
  const silent = faults(({ folder, text }) => {
    const isSaid = folder === 'commands' ? /summary/.test(text) : /^\/[*/]/.test(text)
    return isSaid ? [] : ['opens without a comment']
  })
  expect(silent).toEqual([])
})

test('only command.ts and the terminal write to the console', () => {
  const printers = ['command.ts', path.join('io', 'terminal.ts')]
  const printing = faults(({ file, code }) =>
    printers.includes(file)
      ? []
      : (code.match(/\bconsole\.\w+|process\.std(out|err)\.write/g) ?? []),
  )
  expect(printing).toEqual([])
})

test('core touches no disk, network, clock, process or randomness', () => {
  const touching = faults(({ folder, code, imports }) => {
    if (folder !== 'core') return []
    const builtins = imports.filter((specifier) => specifier.startsWith('node:'))
    return [
      ...builtins.filter((specifier) => !CORE_BUILTINS.includes(specifier)),
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

test('every error code is thrown somewhere', () => {
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
