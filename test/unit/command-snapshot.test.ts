/**
 * All commands with their flags and arguments, as a golden file: a flag that is renamed or gone breaks
 * somebody's script, so it shows in the diff. After a wanted change: npx vitest run command-snapshot -u
 */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

const ROOT = path.resolve(import.meta.dirname, '../..')

interface ManifestCommand {
  readonly summary?: string
  readonly examples?: readonly unknown[]
  readonly args: Readonly<Record<string, { readonly required?: boolean }>>
  readonly flags: Readonly<
    Record<
      string,
      {
        readonly char?: string
        readonly summary?: string
        readonly description?: string
        readonly name: string
      }
    >
  >
}

// oclif writes the manifest from the commands themselves when the project is built.
const manifest: { readonly commands: Readonly<Record<string, ManifestCommand>> } = JSON.parse(
  readFileSync(path.join(ROOT, 'oclif.manifest.json'), 'utf8'),
)
const commands = Object.entries(manifest.commands).sort(([a], [b]) => a.localeCompare(b))

test('commands, flags and arguments are those of the golden file', async () => {
  const snapshot = Object.fromEntries(
    commands.map(([id, { flags, args }]) => [
      id.replaceAll(':', ' '),
      {
        args: Object.entries(args).map(([name, { required }]) => (required ? name : `[${name}]`)),
        flags: Object.values(flags)
          .map(({ name, char }) => (char ? `--${name} -${char}` : `--${name}`))
          .sort(),
      },
    ]),
  )
  await expect(`${JSON.stringify(snapshot, null, 2)}\n`).toMatchFileSnapshot(
    '../golden/commands.json',
  )
})

test('every command has a summary and an example, and every flag says what it does', () => {
  const silent = commands.flatMap(([id, { summary, examples, flags }]) => [
    ...(summary ? [] : [`${id}: no summary`]),
    ...(examples?.length ? [] : [`${id}: no example`]),
    ...Object.values(flags)
      .filter((flag) => !flag.summary && !flag.description)
      .map((flag) => `${id} --${flag.name}: no summary`),
  ])
  expect(silent).toEqual([])
})

test('every command takes --json, --data and --project', () => {
  const without = commands.flatMap(([id, { flags }]) =>
    ['json', 'data', 'project'].filter((name) => !flags[name]).map((name) => `${id}: --${name}`),
  )
  expect(without).toEqual([])
})
