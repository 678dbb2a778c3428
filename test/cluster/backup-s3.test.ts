/** Backups in an S3 bucket: taken, listed, restored and pruned over the API of a real server. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'vitest'
import { runCcs } from '../e2e/run-ccs.ts'
import { listKeys } from '../fixtures/bucket.ts'
import { clusterTest } from '../fixtures/cluster.ts'

clusterTest(
  'a backup in a bucket comes back whole, and old ones are pruned',
  async (cluster, prefix) => {
    const dir = mkdtempSync(path.join(tmpdir(), 'ccs-backup-s3-'))
    const folder = `${prefix}backup`
    const env = {
      AWS_ENDPOINT_URL: cluster.s3 ?? '',
      AWS_ACCESS_KEY_ID: 'ccs',
      AWS_SECRET_ACCESS_KEY: 'ccs-secret',
      AWS_REGION: 'us-east-1',
    }
    const ccs = (args: readonly string[], data = 'data', more = {}) =>
      runCcs([...args, '--data', path.join(dir, data)], { env: { ...env, ...more } })
    const place = `s3://lake/${folder}`
    try {
      const range = ['--from', '2026-01-01', '--to', '2026-01-02', '--count', '3000']
      expect((await ccs(['gen', ...range])).code).toBe(0)
      expect((await ccs(['run', '--once'])).code).toBe(0)
      for (let n = 0; n < 2; n++) {
        const taken = await ccs(['backup', place])
        expect(taken.code, taken.stderr).toBe(0)
      }
      const keys = await listKeys(cluster.s3 ?? '', 'lake', `${folder}/snapshots/`)
      expect(keys).toHaveLength(2)
      const restored = await ccs(['restore', place, '--json'], 'restored')
      expect(restored.code, restored.stderr).toBe(0)
      expect(JSON.parse(restored.stdout)).toMatchObject({ serial: 1, partitions: [{ end: 3_000 }] })
      expect((await ccs(['audit'], 'restored')).code).toBe(0)
      const pruned = await ccs(['backup', 'prune', place, '--keep', '1ms', '--yes', '--json'])
      expect(JSON.parse(pruned.stdout)).toMatchObject({ backups: 1, kept: 1, applied: true })
      expect((await ccs(['backup', 'verify', place])).code).toBe(0)
      const nobody = await ccs(['backup', 'ls', place], 'data', {
        AWS_ENDPOINT_URL: 'http://127.0.0.1:9',
        AWS_MAX_ATTEMPTS: '1',
      })
      expect(nobody.code).toBe(4)
      expect(nobody.stderr).toContain('CCS_BACKUP_UNREACHABLE')
      const absent = await ccs(['backup', 'ls', `s3://no-such-bucket-${prefix.replace(/\W/g, '')}`])
      expect(absent.code).toBe(4)
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  },
  { sink: true, s3: true, timeoutMs: 240_000 },
)
