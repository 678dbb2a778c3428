/**
 * The README is a promise: its walk-throughs are run line by line in a fresh data directory; each
 * command exists with the flags that are shown, and each linked file exists.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { explainMissingDbt, SHARED_DBT } from '../fixtures/dbt-project.ts'
import { ROOT, runCcs } from './run-ccs.ts'

const readme = readFileSync(path.join(ROOT, 'README.md'), 'utf8')
const temp = mkdtempSync(path.join(tmpdir(), 'ccs-readme-'))
afterAll(() => rmSync(temp, { recursive: true, force: true }))

interface Step {
  /** A `ccs …` command. */
  readonly line: string
  /** The block runs only if dbt can be installed on this machine. */
  readonly needsDbt: boolean
}

/** The commands in the blocks below a comment that names this test, in their order. */
const steps: readonly Step[] = [
  ...readme.matchAll(/^<!-- (.*readme\.test.*)-->\n```sh\n([\s\S]*?)^```$/gm),
].flatMap(([, comment = '', block = '']) =>
  block
    .split('\n')
    .map((line) => line.replace(/\s+#.*$/, ''))
    .filter((line) => line !== '')
    .map((line) => ({ line, needsDbt: comment.includes('dbt') })),
)

/** Splits a line into words; double quotes group. */
function wordsOf(line: string): readonly string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? '')
}

/** Already run, and checked more closely, by model-tests.test.ts: it takes half a minute. */
const ELSEWHERE = ['ccs test']

describe('the walk-throughs run as written', () => {
  test('there are walk-throughs', () => {
    expect(steps.length).toBeGreaterThan(10)
  })

  /** Why dbt can't be installed, checked once. */
  let withoutDbt: Promise<string | undefined> | undefined

  test.for(steps.filter(({ line }) => !ELSEWHERE.includes(line)))(
    '$line',
    {
      timeout: 600_000,
    },
    async ({ line, needsDbt }, context) => {
      if (needsDbt) {
        withoutDbt ??= explainMissingDbt(ROOT)
        const reason = await withoutDbt
        context.skip(reason !== undefined, reason)
      }
      const [program, ...args] = wordsOf(line)
      expect(program).toBe('ccs')
      const { code, stdout, stderr } = await runCcs(args, {
        cwd: temp,
        env: { CCS_PROJECT_DIR: ROOT, CCS_DATA_DIR: path.join(temp, 'data'), ...SHARED_DBT },
        timeoutMs: needsDbt ? 300_000 : 100_000,
      })
      expect(code, stderr).toBe(0)
      expect(stdout.trim()).not.toBe('')
      const tooWide = stdout.split('\n').filter((text) => text.length > 100)
      expect(tooWide, 'fits a terminal').toEqual([])
    },
  )
})

test('every command that the README names exists, with the flags it shows', () => {
  const manifest: {
    readonly commands: Readonly<
      Record<string, { readonly flags: Readonly<Record<string, { readonly allowNo?: boolean }>> }>
    >
  } = JSON.parse(readFileSync(path.join(ROOT, 'oclif.manifest.json'), 'utf8'))
  const ids = Object.keys(manifest.commands)
  const lines = [
    ...steps.map(({ line }) => line),
    ...[...readme.matchAll(/`(ccs [^`]+)`/g)].map((match) => match[1] ?? ''),
    ...[...readme.matchAll(/^\| (`[^|]+`) \|/gm)]
      .flatMap((match) => [...(match[1] ?? '').matchAll(/`([a-z][a-z ]*)`/g)])
      .map((match) => `ccs ${match[1]}`),
  ]
  const unknown = lines.flatMap((line) => {
    const [, first = '', second = ''] = wordsOf(line)
    if (first.startsWith('"') || first === '') return []
    const id = [`${first}:${second}`, first].find((one) => ids.includes(one))
    if (id === undefined) return [line]
    const flags = manifest.commands[id]?.flags ?? {}
    return [...line.matchAll(/\s--([a-z][\w-]*)/g)]
      .map((match) => match[1] ?? '')
      .filter((flag) => !(flag in flags) && !flags[flag.replace(/^no-/, '')]?.allowNo)
      .map((flag) => `${line}: --${flag}`)
  })
  expect(unknown).toEqual([])
})

test('every command is in the README', () => {
  const manifest: { readonly commands: object } = JSON.parse(
    readFileSync(path.join(ROOT, 'oclif.manifest.json'), 'utf8'),
  )
  const missing = Object.keys(manifest.commands)
    .map((id) => id.replaceAll(':', ' '))
    .filter((name) => !readme.includes(`\`${name}\``))
  expect(missing).toEqual([])
})

test('the npm scripts that it names exist', () => {
  const { scripts } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'))
  const named = [...readme.matchAll(/npm run ([\w:-]+)/g)].map((match) => match[1] ?? '')
  expect(['start', 'test', ...named].filter((name) => !(name in scripts))).toEqual([])
})

test.each(['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md'])(
  'the links of %s have a target',
  (file) => {
    const text = readFileSync(path.join(ROOT, file), 'utf8')
    const broken = [...text.matchAll(/\]\(([^)#:]+)\)/g)]
      .map((match) => match[1] ?? '')
      .filter((target) => !existsSync(path.join(ROOT, target)))
    expect(broken).toEqual([])
  },
)
