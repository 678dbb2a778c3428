/** In which order the servers of a Flink with high availability start and end. */
import { expect, test } from 'vitest'
import { systemClock } from '../../../cli/adapters/process/system-clock.ts'
import { FLINK_WITH_HA, type PartName } from '../../../cli/domain/devstack/servers.ts'
import { type StackPort, startStack, stopStack } from '../../../cli/domain/devstack/stack.ts'

/** Servers that are ready at the third question. */
class Servers implements StackPort {
  readonly said: string[] = []
  readonly #asked = new Map<PartName, number>()
  isAlive = (part: PartName) => this.#asked.has(part)
  provide = async () => new Map<PartName, string>()
  start = async (part: PartName) => {
    this.#asked.set(part, 0)
    this.said.push(`start ${part}`)
  }
  isReady = async (part: PartName) => {
    const asked = (this.#asked.get(part) ?? 0) + 1
    this.#asked.set(part, asked)
    if (asked === 3) this.said.push(`ready ${part}`)
    return asked >= 3
  }
  stop = async (part: PartName) => {
    await new Promise((resolve) => setImmediate(resolve))
    this.said.push(`stop ${part}`)
  }
  logFile = () => ''
  readLogEnd = async () => []
}

test('ZooKeeper is ready before Flink’s servers start, and ends after them', async () => {
  const servers = new Servers()
  const { signal } = new AbortController()
  const { started } = await startStack(FLINK_WITH_HA, servers, { clock: systemClock(), signal })
  expect([...started].sort()).toEqual([...FLINK_WITH_HA].sort())
  const at = (text: string) => servers.said.indexOf(text)
  for (const part of ['flink-jobmanager', 'flink-taskmanager', 'flink-gateway'])
    expect(at(`start ${part}`)).toBeGreaterThan(at('ready zookeeper'))
  // Nobody else waits for it.
  expect(at('start kafka')).toBeLessThan(at('ready zookeeper'))
  await stopStack(FLINK_WITH_HA, servers)
  for (const part of ['flink-jobmanager', 'flink-taskmanager', 'flink-gateway'])
    expect(at('stop zookeeper')).toBeGreaterThan(at(`stop ${part}`))
})
