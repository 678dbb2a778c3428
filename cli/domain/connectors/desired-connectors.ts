/**
 * Turns the files of connectors/ into what a cluster should run: variables filled in and settings
 * checked. Filled-in values may be secrets, so only the text as written is shown or stored.
 */

import { addPrefix, type Target } from '../config/target.ts'
import type { NamedText } from '../documents/json-document.ts'
import {
  type RenderedTemplate,
  renderTemplate,
  type VariableSources,
} from '../documents/variables.ts'
import { didYouMean } from '../kernel/did-you-mean.ts'
import { type CcsError, throwAll } from '../kernel/errors.ts'
import { appendAll } from '../kernel/lists.ts'
import type { TopicState } from '../log/topic-admin.ts'
import { checkSink, parseList } from './check-settings.ts'
import {
  type CCS_VARIABLES,
  type ConnectorFile,
  invalidConnectorError,
  readConnectorFile,
  type Setting,
} from './connector-file.ts'
import { findSettings } from './setting-rules.ts'

/** One connector that a target should run. */
export interface DesiredConnector {
  /** Its name in Connect, with the target's prefix. */
  readonly name: string
  readonly file: string
  readonly class: string
  readonly isRequired: boolean
  /** The connector that it replaces if that one's class is missing. */
  readonly insteadOf: string | undefined
  /** Settings as they are sent. They may contain secrets: never print them. */
  readonly config: Readonly<Record<string, string>>
  /** The same settings for display: a value from outside appears as its `${VAR}`. */
  readonly displayed: Readonly<Record<string, string>>
  /** Values in `config` that come from the environment or from files; never print them. */
  readonly secrets: readonly string[]
  /** Variables without a value; the connector can't be deployed while there are any. */
  readonly unresolved: readonly CcsError[]
  /** Topics that it reads, see readTopics. */
  readonly topics: readonly string[]
  /** Topics that must exist before it starts: its control and dead letter topics. */
  readonly requiredTopics: readonly TopicState[]
  /** The connector as JSON with unfilled variables, as a deployment stores it. */
  readonly content: string
}

/**
 * Renders the connectors of a target, in the order of the files. Throws CCS_CONNECTOR_INVALID with
 * all faults of all files, also those for other engines; a variable without a value is no fault yet
 * but listed in `unresolved`.
 */
export function renderConnectors(
  files: readonly NamedText[],
  target: Target,
  lookup: VariableSources,
): readonly DesiredConnector[] {
  const faults: CcsError[] = []
  const read = files
    .filter((one) => one.file.endsWith('.json'))
    .flatMap((one) => readConnectorFile(one, faults) ?? [])
  appendAll(faults, checkNames(read))
  const all = read.map((one) => {
    const desired = renderConnector(one, target, lookup)
    appendAll(faults, locateFaults(one, desired))
    return { one, desired }
  })
  throwAll(faults)
  return all
    .filter(({ one }) => one.engines === undefined || one.engines.includes(target.engine))
    .map(({ desired }) => desired)
}

function checkNames(read: readonly ConnectorFile[]): readonly CcsError[] {
  const names = read.map((one) => one.name)
  return read.flatMap((one, index) => {
    const faults: CcsError[] = []
    const first = read[names.indexOf(one.name)]
    if (one.name !== '' && first && names.indexOf(one.name) < index)
      faults.push(
        invalidConnectorError(
          `${first.file} is named "${one.name}" too.`,
          one.nameLocation,
          'Give one of the two another name.',
        ),
      )
    const { insteadOf } = one
    const others = names.filter((name) => name !== one.name)
    if (insteadOf && !others.includes(insteadOf.name)) {
      const hint = others.length > 0 ? didYouMean(insteadOf.name, others) : 'Remove it.'
      const message = `insteadOf must name another connector, not "${insteadOf.name}".`
      faults.push(invalidConnectorError(message, insteadOf.at, hint))
    }
    return faults
  })
}

function renderConnector(
  one: ConnectorFile,
  target: Target,
  lookup: VariableSources,
): DesiredConnector {
  const own = listBuiltInVariables(target)
  const rendered = one.settings
    .map((setting) => ({ setting, value: renderTemplate(setting.parts, lookup, own) }))
    // A value that is empty after filling in is left out.
    .filter(
      ({ value }) => !(value.usesVariables && value.missing.length === 0 && value.text === ''),
    )
  const config = Object.fromEntries(rendered.map(({ setting, value }) => [setting.key, value.text]))
  const replication = target.kafka?.replication ?? 1
  return {
    name: addPrefix(target, one.name),
    file: one.file,
    class: config['connector.class'] ?? '',
    isRequired: one.isRequired,
    insteadOf: one.insteadOf && addPrefix(target, one.insteadOf.name),
    config,
    displayed: Object.fromEntries(
      rendered.map(({ setting, value }) => [setting.key, printValue(setting, value)]),
    ),
    secrets: [...new Set(rendered.flatMap(({ value }) => value.secrets))].sort(),
    unresolved: rendered.flatMap(({ setting, value }) =>
      value.missing.map(({ message, hint }) =>
        invalidConnectorError(message, setting.valueLocation, hint),
      ),
    ),
    topics: readTopics(config),
    requiredTopics: listRequiredTopics(config, replication),
    content: toFileText(one),
  }
}

function printValue(setting: Setting, value: RenderedTemplate): string {
  return value.secrets.length > 0 || value.missing.length > 0 ? setting.text : value.text
}

function listBuiltInVariables(target: Target): Readonly<Record<string, string | undefined>> {
  const url = target.registry?.url
  const own: Record<(typeof CCS_VARIABLES)[number], string | undefined> = {
    target: target.name,
    prefix: target.prefix,
    brokers: target.kafka?.brokers.join(','),
    replication: String(target.kafka?.replication ?? 1),
    registry_url: url,
    // Apicurio serves its own API beside the Confluent-compatible one.
    apicurio_url: url?.replace(/\/apis\/ccompat\/v\d+$/, '/apis/registry/v2'),
  }
  return own
}

/** Topics that a sink reads: names, or the one regular expression for them. */
export function readTopics(config: Readonly<Record<string, string>>): readonly string[] {
  const pattern = config['topics.regex']
  return pattern === undefined ? parseList(config.topics ?? '') : [pattern]
}

function listRequiredTopics(
  config: Readonly<Record<string, string>>,
  replication: number,
): readonly TopicState[] {
  return ['iceberg.control.topic', 'errors.deadletterqueue.topic.name'].flatMap((key) => {
    const name = config[key]
    return name ? [{ name, partitions: 1, replication, config: {} }] : []
  })
}

function toFileText(one: ConnectorFile): string {
  const sorted = [...one.settings].sort((a, b) => (a.key < b.key ? -1 : 1))
  const whole = {
    name: one.name,
    ...(one.engines ? { engines: one.engines } : {}),
    ...(one.isRequired ? { required: true } : {}),
    ...(one.insteadOf ? { insteadOf: one.insteadOf.name } : {}),
    config: Object.fromEntries(sorted.map(({ key, text }) => [key, text])),
  }
  return `${JSON.stringify(whole, null, 2)}\n`
}

/** Locates faults in the file; values that may be secrets are not repeated. */
function locateFaults(one: ConnectorFile, desired: DesiredConnector): readonly CcsError[] {
  const undecided = new Set(
    one.settings.filter((setting) => isUnresolved(setting, desired)).map(({ key }) => key),
  )
  return checkSink(desired.config, { unresolved: undecided, displayed: desired.displayed }).map(
    (fault) => {
      const setting = one.settings.find(({ key }) => key === fault.key)
      const isName =
        fault.key !== undefined && findSettings(desired.class).rules[fault.key] === undefined
      const place = (isName ? setting?.keyLocation : setting?.valueLocation) ?? one.nameLocation
      const message = fault.key === undefined ? fault.wrong : `${fault.key} ${fault.wrong}`
      return invalidConnectorError(message, place, fault.hint)
    },
  )
}

function isUnresolved(setting: Setting, desired: DesiredConnector): boolean {
  return desired.unresolved.some(({ location }) => location === setting.valueLocation)
}

/** A connector that is not deployed, and why. */
export interface SkippedConnector {
  readonly connector: DesiredConnector
  /** Why it is skipped, as a sentence. */
  readonly reason: string
}

/** Which connectors a cluster can run. */
export interface ConnectorChoice {
  readonly chosen: readonly DesiredConnector[]
  readonly skipped: readonly SkippedConnector[]
  /** For the chosen connectors: variables without a value, and classes that the cluster lacks. */
  readonly faults: readonly CcsError[]
}

/** Separates the connectors that a cluster with these plugins can run from those to skip. */
export function chooseConnectors(
  desired: readonly DesiredConnector[],
  plugins: readonly string[],
): ConnectorChoice {
  const has = (name: string) => plugins.includes(name)
  const chosen: DesiredConnector[] = []
  const skipped: SkippedConnector[] = []
  const faults: CcsError[] = []
  for (const connector of desired) {
    const first = desired.find((one) => one.name === connector.insteadOf)
    if (first && has(first.class))
      skipped.push({ connector, reason: `${first.name} does the same.` })
    else if (has(connector.class)) {
      chosen.push(connector)
      appendAll(faults, connector.unresolved)
      appendAll(faults, findMissingPlugins(connector, plugins))
    } else if (connector.isRequired) faults.push(missingPluginError(connector, 'connector.class'))
    else skipped.push({ connector, reason: `The cluster has no ${connector.class}.` })
  }
  return { chosen, skipped, faults }
}

/** Finds missing converters and transforms; old workers do not list any. */
function findMissingPlugins(
  connector: DesiredConnector,
  plugins: readonly string[],
): readonly CcsError[] {
  if (!plugins.some((name) => name.startsWith('org.apache.kafka.connect.transforms.'))) return []
  return Object.entries(connector.config)
    .filter(([key]) => /^((key|value)\.converter|transforms\.[^.]+\.type)$/.test(key))
    .filter(([, name]) => name !== '' && !plugins.includes(name))
    .map(([key]) => missingPluginError(connector, key))
}

function missingPluginError(connector: DesiredConnector, key: string): CcsError {
  return invalidConnectorError(
    `${connector.name}: the cluster has no ${connector.config[key]}, its ${key}.`,
    { file: connector.file },
    'Put it into the plugin.path of the workers and restart them, or name another class.',
  )
}

/** Topics that must exist before these connectors start, each once. */
export function collectRequiredTopics(
  connectors: readonly DesiredConnector[],
): readonly TopicState[] {
  const byName = new Map(
    connectors.flatMap((one) => one.requiredTopics).map((one) => [one.name, one]),
  )
  return [...byName.values()]
}
