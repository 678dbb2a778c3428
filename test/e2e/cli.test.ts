/**
 * General behaviour of the command line: errors, exit codes, start-up, signals, ccs init and
 * doctor.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { ROOT, runCcs } from './run-ccs.ts'

const temp = mkdtempSync(path.join(tmpdir(), 'ccs-cli-'))
afterAll(() => rmSync(temp, { recursive: true, force: true }))

const STACK = /^\s+at .+:\d+:\d+\)?$/m

describe('a wrong command line', () => {
  test('an unknown command exits 2 and says what was probably meant', async () => {
    const { code, stdout, stderr } = await runCcs(['docter'])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain('"docter" is not a command of ccs.')
    expect(stderr).toContain('Did you mean "doctor"?')
    expect(stderr).not.toMatch(STACK)
  })

  test('an unknown flag exits 2 and says what was probably meant', async () => {
    const { code, stderr } = await runCcs(['doctor', '--projct', '.'])
    expect(code).toBe(2)
    expect(stderr).toContain('Did you mean --project?')
    expect(stderr).not.toMatch(STACK)
  })

  test('a missing argument exits 2 and names it', async () => {
    const { code, stderr } = await runCcs(['init'])
    expect(code).toBe(2)
    expect(stderr).toContain('dir')
  })

  test('with --json it is a small document without paths, and the same exit code', async () => {
    for (const args of [
      ['doctor', '--nope', '--json'],
      ['nope', '--json'],
    ]) {
      const { code, stdout, stderr } = await runCcs(args)
      expect({ code, stderr }).toEqual({ code: 2, stderr: '' })
      const { error } = JSON.parse(stdout)
      expect(error.code).toBe('CCS_USAGE_INVALID')
      expect(error.message).toContain('nope')
      expect(stdout).not.toContain(ROOT)
    }
  })
})

test('ccs up drains as always in a project without the models that it shows', async () => {
  const dir = path.join(temp, 'small')
  expect((await runCcs(['init', dir])).code).toBe(0)
  for (const name of ['right_now', 'funnel_daily'])
    for (const end of ['sql', 'test.yml']) rmSync(path.join(dir, `sql/gold/${name}.${end}`))
  rmSync(path.join(dir, 'sql/live'), { recursive: true })
  const up = ['up', '--no-gen', '--for', '1s', '--port', '0', '--project', dir]
  const { code, stdout, stderr } = await runCcs(up)
  expect(code).toBe(0)
  expect(stdout).toContain('Drained: 0 events taken in')
  expect(stderr).toContain("The funnel can't be shown: Catalog Error: Table with name funnel_daily")
})

describe('a wrong project', () => {
  test('ccs.yml: all faults are reported at once, with line and hint', async () => {
    const dir = path.join(temp, 'wrong')
    expect((await runCcs(['init', dir])).code).toBe(0)
    writeFileSync(path.join(dir, 'ccs.yml'), 'timezon: UTC\nhttp:\n  port: banana\n')
    const { code, stdout } = await runCcs(['doctor', '--project', dir])
    expect(code).toBe(5)
    expect(stdout).toContain('ccs.yml:1:1: "timezon" is not a setting.')
    expect(stdout).toContain('Did you mean "timezone"?')
    expect(stdout).toContain('ccs.yml:3:9: http.port must be a whole number, not "banana".')
  })

  test('a model: each fault is reported with its file, line and column', async () => {
    const dir = path.join(temp, 'broken')
    await runCcs(['init', dir])
    const write = (name: string, text: string) =>
      writeFileSync(path.join(dir, 'sql/gold', `${name}.sql`), text)
    write(
      'one',
      '/*\nkind: windov\ngrain: one row\nkey: []\n*/\n-- A slip.\nSELECT 1 AS x FROM silver.events\n',
    )
    write(
      'two',
      '/*\nkind: view\ngrian: one row\nkey: []\n*/\n-- Another.\nSELECT 1 AS x FROM silver.events\n',
    )
    const { code, stdout } = await runCcs(['doctor', '--project', dir])
    expect(code).toBe(5)
    expect(stdout).toMatch(/sql\/gold\/one\.sql:2:7: .*windov/)
    expect(stdout).toMatch(/sql\/gold\/two\.sql:3:1: .*grian/)
  })

  test('without a project: the error says how to create one', async () => {
    const { code, stdout } = await runCcs(['doctor', '--project', temp, '--json'])
    expect(code).toBe(5)
    const result = JSON.parse(stdout)
    expect(result.ok).toBe(false)
    expect(result.checks).toContainEqual({
      name: 'project',
      status: 'failed',
      detail: `There is no ccs.yml in ${temp}.`,
      hint: 'Go to the project, name it with --project DIR, or make one: ccs init DIR',
    })
  })
})

describe('ccs init', () => {
  test('creates a project that ccs doctor accepts, with its own name and .gitignore', async () => {
    const dir = path.join(temp, 'My Shop')
    const { code, stdout } = await runCcs(['init', dir, '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ dir, name: 'my-shop' })
    expect(readFileSync(path.join(dir, 'ccs.yml'), 'utf8')).toMatch(/^name: my-shop$/m)
    expect(readFileSync(path.join(dir, '.gitignore'), 'utf8')).toMatch(/^\.env\n(.*\n)*?data\/$/m)
    // The project is found from a folder inside it, as git does.
    const doctor = await runCcs(['doctor', '--json'], { cwd: path.join(dir, 'sql') })
    expect(JSON.parse(doctor.stdout)).toMatchObject({ ok: true })
    expect(existsSync(path.join(dir, 'data')), 'doctor leaves nothing behind').toBe(false)
  })

  test('refuses a folder that is not empty, and does not change it', async () => {
    const dir = mkdtempSync(path.join(temp, 'full-'))
    writeFileSync(path.join(dir, 'mine.txt'), 'mine')
    const { code, stderr } = await runCcs(['init', dir])
    expect(code).toBe(2)
    expect(stderr).toContain('is not empty')
    expect(readdirSync(dir)).toEqual(['mine.txt'])
  })
})

describe('ccs doctor', () => {
  test("names the data directory that can't be written", async () => {
    const file = path.join(temp, 'a-file')
    writeFileSync(file, 'in the way')
    const { code, stdout } = await runCcs(['doctor', '--data', path.join(file, 'data')])
    expect(code).toBe(5)
    expect(stdout).toContain(`${path.join(file, 'data')} can't be written: ENOTDIR`)
    expect(stdout).toContain('choose another with --data DIR')
  })

  test('takes the data directory from --data, else CCS_DATA_DIR, else ccs.yml', async () => {
    const detailOf = async (
      args: readonly string[],
      env: Readonly<Record<string, string>> = {},
    ) => {
      const { stdout } = await runCcs(['doctor', '--json', ...args], { env })
      const { checks } = JSON.parse(stdout) as { checks: { name: string; detail: string }[] }
      return checks.find(({ name }) => name === 'data directory')?.detail
    }
    const [one, two] = [path.join(temp, 'one'), path.join(temp, 'two')]
    expect(await detailOf(['--data', one], { CCS_DATA_DIR: two })).toContain(one)
    expect(await detailOf([], { CCS_DATA_DIR: two })).toContain(two)
    expect(await detailOf([])).toContain(path.join(ROOT, 'data'))
  })
})

describe('output', () => {
  test('has colours only on a terminal or with FORCE_COLOR, never with NO_COLOR', async () => {
    const ESCAPE = '\u001B['
    expect((await runCcs(['doctor'])).stdout).not.toContain(ESCAPE)
    expect((await runCcs(['doctor'], { env: { FORCE_COLOR: '1' } })).stdout).toContain(ESCAPE)
    const both = { FORCE_COLOR: '1', NO_COLOR: '1' }
    expect((await runCcs(['doctor'], { env: both })).stdout).not.toContain(ESCAPE)
  })

  test('ccs completion bash prints a valid bash script that knows the commands', async () => {
    const { stdout } = await runCcs(['completion', 'bash'])
    const { execFileSync } = await import('node:child_process')
    const ask = `${stdout}\nCOMP_WORDS=(ccs doc); COMP_CWORD=1; _ccs; echo "\${COMPREPLY[@]}"
COMP_WORDS=(ccs doctor --pro); COMP_CWORD=2; _ccs; echo "\${COMPREPLY[@]}"`
    expect(execFileSync('bash', ['-c', ask], { encoding: 'utf8' })).toBe('doctor\n--project\n')
  })
})

describe('start-up', () => {
  test.each(['--version', '--help', 'doctor --help'])(
    'ccs %s loads no engine, no client and no YAML parser',
    async (line) => {
      const coverage = mkdtempSync(path.join(temp, 'coverage-'))
      const { code, stdout } = await runCcs(line.split(' '), {
        env: { NODE_V8_COVERAGE: coverage },
      })
      expect(code).toBe(0)
      expect(stdout).toMatch(/ccs/)
      const urls = readdirSync(coverage).flatMap((file) => {
        const { result } = JSON.parse(readFileSync(path.join(coverage, file), 'utf8'))
        return (result as { url: string }[]).map(({ url }) => url)
      })
      const packages = new Set(
        urls.flatMap((url) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? []),
      )
      expect(packages).toContain('@oclif/core')
      const heavy = [...packages].filter((name) =>
        /duckdb|kafka|confluent|avsc|yaml|axios/.test(name),
      )
      expect(heavy).toEqual([])
    },
  )
})

describe('a signal', () => {
  /**
   * A command that waits for a signal, then drains for `drainMs`; sends each signal when its time
   * has come.
   */
  async function signalled(
    drainMs: number,
    sends: readonly { afterMs: number; signal: NodeJS.Signals }[],
  ) {
    const command = path.join(ROOT, 'test/e2e/draining-command.js')
    const child = spawn(process.execPath, [command, String(drainMs), '--json'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 20_000,
      killSignal: 'SIGKILL',
    })
    let stdout = ''
    child.stdout.on('data', (text) => {
      stdout += text
    })
    await once(child.stderr, 'data') // it says when it is ready
    for (const { afterMs, signal } of sends) setTimeout(() => child.kill(signal), afterMs)
    const [code] = await once(child, 'close')
    return { code, result: stdout === '' ? undefined : JSON.parse(stdout) }
  }

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '%s: the command drains and prints its result',
    async (signal) => {
      const ended = await signalled(200, [{ afterMs: 0, signal }])
      expect(ended).toEqual({ code: 0, result: { drained: true } })
    },
  )

  test('twice at once counts as one Ctrl-C, as npm passes it on', async () => {
    const signal = 'SIGINT'
    const ended = await signalled(500, [
      { afterMs: 0, signal },
      { afterMs: 50, signal },
    ])
    expect(ended).toEqual({ code: 0, result: { drained: true } })
  })

  test('a second time ends the command at once with 130', async () => {
    const signal = 'SIGINT'
    const ended = await signalled(15_000, [
      { afterMs: 0, signal },
      { afterMs: 1000, signal },
    ])
    expect(ended).toEqual({ code: 130, result: undefined })
  })
})
