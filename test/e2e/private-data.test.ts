/** Who may read the data directory. */
import { chmodSync, lstatSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { DataDir } from './data-dir.ts'

const dir = new DataDir()

/** `0600 log/events.raw-0/…` of each file and folder that others have a right to. */
function listOpen(root: string): readonly string[] {
  const names = ['.', ...readdirSync(root, { recursive: true, encoding: 'utf8' })]
  return names.flatMap((name) => {
    const stat = lstatSync(path.join(root, name))
    const isOpen = !stat.isSymbolicLink() && (stat.mode & 0o077) !== 0
    return isOpen ? [`${(stat.mode & 0o777).toString(8)} ${name}`] : []
  })
}

test('data is private whatever the umask, and what an older version left open is closed', async () => {
  const data = path.join(dir.path, 'data')
  const umask = process.umask(0)
  try {
    const range = ['--from', '2026-03-01', '--to', '2026-03-02', '--count', '50']
    expect((await dir.ccs('gen', ...range)).code).toBe(0)
    const first = await dir.ccs('run', '--once')
    expect(first).toMatchObject({ code: 0, stderr: '' })
    expect(listOpen(data)).toEqual([])
    chmodSync(path.join(data, 'log'), 0o755)
    chmodSync(path.join(data, 'manifest.json'), 0o644)
    const second = await dir.ccs('run', '--once')
    expect(second.stderr).toBe(
      `Other users could read ${data}; from now on only you can (data_mode).\n`,
    )
    expect(listOpen(data)).toEqual([])
  } finally {
    process.umask(umask)
  }
})
