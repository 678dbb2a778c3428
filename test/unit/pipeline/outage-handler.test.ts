/** Which errors are waited out, for how long, and what is reported. */
import { expect, test } from 'vitest'
import { systemClock } from '../../../cli/adapters/process/system-clock.ts'
import { CcsError, EXIT } from '../../../cli/domain/kernel/errors.ts'
import { OutageHandler } from '../../../cli/domain/pipeline/outage-handler.ts'

const away = () =>
  new CcsError('CCS_KAFKA_UNREACHABLE', 'No Kafka answers at h:1.', { exit: EXIT.unreachable })

test('an outage of Kafka is reported once, waited out, and its end reported', async () => {
  const said: string[] = []
  const outage = new OutageHandler(systemClock(), (text) => said.push(text))
  let tries = 0
  const found = await outage.retryWhileUnavailable('log', async () => {
    if (++tries < 3) throw away()
    expect(outage.stalled).toBe('No Kafka answers at h:1.')
    return tries
  })
  expect([found, outage.stalled]).toEqual([3, null])
  expect(said).toEqual([
    'No Kafka answers at h:1. Waiting for it.',
    'Kafka answers again; continuing.',
  ])
})

test('with a limit, an outage of Kafka becomes an error, a full disk does not', async () => {
  const outage = new OutageHandler(systemClock(), () => {}, { kafkaMs: 100 })
  const failing = outage.retryWhileUnavailable('log', () => Promise.reject(away()))
  await expect(failing).rejects.toMatchObject({ code: 'CCS_KAFKA_UNREACHABLE', exit: 4 })
  const other = new OutageHandler(systemClock(), () => {}, { kafkaMs: 100 })
  let tries = 0
  const written = other.retryWhileUnavailable('commit', async () => {
    if (++tries < 3) throw new CcsError('CCS_DISK_FULL', 'The disk is full.')
    return tries
  })
  expect(await written).toBe(3)
})

test('after stopWaiting, and for other errors, there is no waiting', async () => {
  const outage = new OutageHandler(systemClock(), () => {})
  const refused = new CcsError('CCS_KAFKA_DENIED', 'No.')
  await expect(outage.retryWhileUnavailable('log', () => Promise.reject(refused))).rejects.toBe(
    refused,
  )
  const waiting = outage.retryWhileUnavailable('log', () => Promise.reject(away()))
  outage.stopWaiting()
  await expect(waiting).rejects.toMatchObject({ code: 'CCS_KAFKA_UNREACHABLE' })
})
