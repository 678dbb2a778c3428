/**
 * What doctor asks of a target's servers. Each is asked by itself, so that one that is down is one line of the
 * answer; credentials are told as set or not set, never as they are.
 */
import { CcsError } from '../core/errors.ts'
import type { Clock, RemoteRegistry } from '../core/ports.ts'
import type { TopicSchemas } from '../core/schema-history.ts'
import type { HttpServer, Target } from '../core/target.ts'
import type { Check } from './doctor.ts'
import { registryTopics, versionOf } from './registry-topics.ts'
import { SUBJECT_LEVEL } from './schema-register.ts'

export interface TargetServers {
  readonly target: Target
  readonly topics: readonly TopicSchemas[]
  readonly clock: Pick<Clock, 'nowMs'>
  readonly registry?: RemoteRegistry
}

/** A header says whole seconds, and the way there takes time. */
const CLOCK_TOLERANCE_MS = 5_000
const NAMES_MAX = 3

export async function examineTarget(servers: TargetServers): Promise<readonly Check[]> {
  const { target, registry } = servers
  return [
    credentialsCheck(target),
    ...(registry === undefined
      ? []
      : await asked('registry', () => registryChecks(registry, servers))),
  ]
}

/** What can't be asked is a failed check, with the error's own hint. */
async function asked(
  name: string,
  ask: () => Promise<readonly Check[]>,
): Promise<readonly Check[]> {
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof CcsError)) throw error
    const { message, hint } = error
    return [{ name, status: 'failed', detail: message, ...(hint === undefined ? {} : { hint }) }]
  }
}

function credentialsCheck({ kafka, registry, connect }: Target): Check {
  const login = (name: string, server: HttpServer | undefined) =>
    server === undefined
      ? []
      : [`${name} ${server.username === undefined ? 'none' : 'user and password'}`]
  const parts = [
    ...(kafka === undefined
      ? []
      : [`kafka ${kafka.sasl?.mechanism ?? 'none'}${kafka.tls ? ', TLS' : ''}`]),
    ...login('registry', registry),
    ...login('connect', connect),
  ]
  return { name: 'credentials', status: 'ok', detail: `${parts.join('; ')}.` }
}

async function registryChecks(
  registry: RemoteRegistry,
  { topics, target, clock }: TargetServers,
): Promise<readonly Check[]> {
  const about = await registry.about()
  const nowMs = clock.nowMs()
  const { url, product = 'A schema registry', version = '', mode, compatibility, date } = about
  const level = compatibility === undefined ? '' : `; global level ${compatibility}`
  const what = [product, version].filter((one) => one !== '').join(' ')
  const there: Check = { name: 'registry', status: 'ok', detail: `${what} at ${url}${level}.` }
  return [
    there,
    ...(mode === undefined ? [] : [modeCheck(mode)]),
    ...(date === undefined ? [] : [clockCheck(Date.parse(date) - nowMs)]),
    ...subjectChecks(await registryTopics(registry, target, topics), target),
  ]
}

function modeCheck(mode: string): Check {
  const name = 'registry mode'
  return mode === 'READWRITE'
    ? { name, status: 'ok', detail: `${mode}.` }
    : {
        name,
        status: 'failed',
        detail: `The registry is in mode ${mode}: nothing can be registered.`,
        hint: 'Set its mode to READWRITE.',
      }
}

function clockCheck(aheadMs: number): Check {
  const name = 'clock'
  const seconds = Math.round(Math.abs(aheadMs) / 1000)
  return Math.abs(aheadMs) <= CLOCK_TOLERANCE_MS
    ? { name, status: 'ok', detail: "This machine and the registry's have the same time." }
    : {
        name,
        status: 'warning',
        detail: `The registry's clock is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} this machine's.`,
        hint: 'Set both by NTP: events from the future go to events.dlq.',
      }
}

function subjectChecks(
  topics: Awaited<ReturnType<typeof registryTopics>>,
  { name: target }: Target,
): readonly Check[] {
  const missing = topics.filter(
    (one) => one.schemas.current !== undefined && !versionOf(one, one.schemas.current.text),
  )
  const other = topics.filter((one) => one.versions.length > 0 && one.level !== SUBJECT_LEVEL)
  const name = 'subjects'
  const warning = (detail: string, hint: string): Check => ({
    name,
    status: 'warning',
    detail,
    hint,
  })
  const checks: Check[] = []
  if (missing.length > 0)
    checks.push(
      warning(
        `The registry lacks the schema in force of ${some(missing.map((one) => one.subject))}.`,
        `ccs schema register --target ${target}`,
      ),
    )
  if (other.length > 0)
    checks.push(
      warning(
        `Another level than ${SUBJECT_LEVEL}: ${some(other.map((one) => `${one.subject} (${one.level})`))}.`,
        `What it lets through or refuses: ccs schema check --target ${target}`,
      ),
    )
  if (checks.length > 0) return checks
  return [{ name, status: 'ok', detail: `All ${topics.length} are registered, ${SUBJECT_LEVEL}.` }]
}

function some(names: readonly string[]): string {
  const more = names.length - NAMES_MAX
  return names.slice(0, NAMES_MAX).join(', ') + (more > 0 ? ` and ${more} more` : '')
}
