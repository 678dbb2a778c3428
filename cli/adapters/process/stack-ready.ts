/** Whether a server of `ccs stack` can be used, and what a new one needs before it can. */
import { connect } from 'node:net'
import { BUCKET } from '../../domain/devstack/server-settings.ts'
import { addressFor, type PartName, type StackPorts } from '../../domain/devstack/servers.ts'
import { asObject } from '../../domain/kernel/json.ts'

/** Whether a Kafka broker answers its clients; never throws. */
export type IsBrokerReady = (host: string, port: number) => Promise<boolean>

/** How a server is asked. */
export interface ReadyCheck {
  readonly ports: StackPorts
  readonly isBrokerReady: IsBrokerReady
  /** It was started just now: it is also given the settings that a new one needs. */
  readonly isFresh: boolean
}

/** Whether its clients can use the server. */
export async function isPartReady(
  part: PartName,
  { ports, isBrokerReady, isFresh }: ReadyCheck,
): Promise<boolean> {
  const address = addressFor(part, ports)
  switch (part) {
    case 'kafka':
      return isBrokerReady('127.0.0.1', ports.kafka)
    case 'registry':
      if (!(await isOk(`${address}/subjects`))) return false
      return !isFresh || setBackward(address)
    case 'connect':
      return isOk(`${address}/connectors`)
    case 's3':
      if (await hasBucket(address, BUCKET)) return true
      return isFresh && makeBucket(address, BUCKET)
    case 'zookeeper':
      return accepts(ports.zookeeper)
    case 'flink-jobmanager':
      return isOk(`${address}/overview`)
    case 'flink-taskmanager':
      return hasTaskManager(address)
    case 'flink-gateway':
      return isOk(`${address}/v4/info`)
  }
}

const TIMEOUT_MS = 5_000

async function isOk(url: string): Promise<boolean> {
  return (await answer(url)) === 200
}

async function hasBucket(server: string, bucket: string): Promise<boolean> {
  return (await answer(`${server}/${bucket}`, { method: 'HEAD' })) === 200
}

async function makeBucket(server: string, bucket: string): Promise<boolean> {
  return (await answer(`${server}/${bucket}`, { method: 'PUT' })) === 200
}

/**
 * New versions must read what the one before wrote: Confluent's default, which other registries
 * don't share.
 */
async function setBackward(registry: string): Promise<boolean> {
  const body = JSON.stringify({ compatibility: 'BACKWARD' })
  const headers = { 'content-type': 'application/json' }
  return (await answer(`${registry}/config`, { method: 'PUT', headers, body })) === 200
}

/** Whether a TaskManager has signed on at its JobManager. */
async function hasTaskManager(jobmanager: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const response = await fetch(`${jobmanager}/overview`, { signal })
    const { taskmanagers } = asObject(await response.json())
    return typeof taskmanagers === 'number' && taskmanagers > 0
  } catch {
    return false
  }
}

/** ZooKeeper listens for clients once its quorum is complete, which here is itself. */
function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('no answer')))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** The status; undefined: nobody answers. */
async function answer(url: string, init: RequestInit = {}): Promise<number | undefined> {
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) })
    await response.arrayBuffer()
    return response.status
  } catch {
    return undefined
  }
}
