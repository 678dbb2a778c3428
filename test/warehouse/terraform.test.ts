/** Terraform's own checks of infra/terraform, in a copy: its files for working are not left there. */
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ROOT } from '../e2e/run-ccs.ts'

const run = promisify(execFile)
let dir: string
let missing: string | undefined

/** Exit code and output; none of them asks for an account. */
async function terraform(...args: readonly string[]) {
  const { CCS_TEST_TF_MIRROR } = process.env
  const config = path.join(dir, 'terraform.rc')
  const env = { ...process.env, CHECKPOINT_DISABLE: '1' }
  if (CCS_TEST_TF_MIRROR) Object.assign(env, { TF_CLI_CONFIG_FILE: config })
  try {
    const { stdout } = await run('terraform', [...args], { cwd: path.join(dir, 'shop'), env })
    return { code: 0, text: stdout }
  } catch (error) {
    const { code, stdout = '', stderr = '' } = Object(error)
    return { code, text: `${stdout}${stderr}` }
  }
}

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'ccs-terraform-'))
  cpSync(path.join(ROOT, 'infra/terraform'), path.join(dir, 'shop'), { recursive: true })
  const mirror = `path = "${process.env.CCS_TEST_TF_MIRROR}"`
  const lines = ['provider_installation {', 'filesystem_mirror {', mirror, '}', '}']
  writeFileSync(path.join(dir, 'terraform.rc'), `${lines.join('\n')}\n`)
  const version = await terraform('version', '-json')
  if (version.code === 'ENOENT') missing = 'no Terraform on this machine'
  else {
    const init = await terraform('init', '-backend=false', '-input=false', '-no-color')
    if (init.code !== 0)
      missing =
        'no provider hashicorp/aws can be had here: set CCS_TEST_TF_MIRROR to a folder with one'
  }
}, 120_000)
afterAll(() => rmSync(dir, { recursive: true, force: true }))

test('the files have Terraform’s format and are valid', async (context) => {
  if (missing) return context.skip(missing)
  expect(await terraform('fmt', '-check', '-recursive', '-diff')).toMatchObject({ code: 0 })
  const { code, text } = await terraform('validate', '-no-color')
  expect(code, text).toBe(0)
})

test('plans, conditions and policies are as they should be', async (context) => {
  if (missing) return context.skip(missing)
  const { code, text } = await terraform('test', '-no-color')
  expect(code, text).toBe(0)
  expect(text).toMatch(/Success! 1\d passed, 0 failed\./)
}, 300_000)

test('checkov has no fault but those that are explained', async (context) => {
  const { CCS_TEST_CHECKOV } = process.env
  if (!CCS_TEST_CHECKOV) return context.skip('CCS_TEST_CHECKOV names no checkov')
  const args = ['-d', dir, '--quiet', '--compact', '--skip-download', '--framework', 'terraform']
  const { stdout } = await run(CCS_TEST_CHECKOV, args).catch((error: { stdout: string }) => error)
  expect(stdout).toMatch(/Failed checks: 0, Skipped checks: 10/)
}, 300_000)
