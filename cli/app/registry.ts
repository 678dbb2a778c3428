/** The part of the composition root for a target's schema registry: the server that its ccs.yml names. */

import type { RemoteRegistry } from '../domain/avro/schema-registry.ts'
import { CcsError, EXIT } from '../domain/kernel/errors.ts'
import type { SchemaCheckResult } from '../domain/schemas/check-project.ts'
import type { SchemaRegisterResult } from '../domain/schemas/register.ts'
import type { RegistryCheck, RegistryDiff } from '../domain/schemas/registry-topics.ts'
import type { Project } from '../project.ts'

/** Asks nothing yet. CCS_CONFIG_INVALID when the project's target has no registry. */
export async function openRemoteRegistry(project: Project): Promise<RemoteRegistry> {
  const { registry, name } = project.target
  if (registry === undefined) {
    const others = Object.values(project.config.targets).filter((one) => one.registry !== undefined)
    throw new CcsError('CCS_CONFIG_INVALID', `Target "${name}" has no schema registry.`, {
      exit: EXIT.usage,
      hint:
        others.length > 0
          ? `These have one: ${others.map((one) => `--target ${one.name}`).join(', ')}`
          : 'Give a target of ccs.yml one: registry: { url: "http://127.0.0.1:8081" }',
    })
  }
  const { openConfluentRegistry } = await import('../adapters/registry/confluent.ts')
  return openConfluentRegistry(registry)
}

/** The schemas in force against what the target's registry has. */
export async function openRegistryDiffs(
  project: Project,
  { topic, from }: { readonly topic: string | undefined; readonly from: number | undefined },
): Promise<readonly RegistryDiff[]> {
  const [registry, { diffAgainstRegistry, readRegistryTopics }] = await Promise.all([
    openRemoteRegistry(project),
    import('../domain/schemas/registry-topics.ts'),
  ])
  const schemas = await topicsNamed(project, topic === undefined ? [] : [topic])
  return diffAgainstRegistry(await readRegistryTopics(registry, project.target, schemas), from)
}

/** What the target's registry has of the project's topics, and of its prefix besides. */
export async function openRegistryList(project: Project) {
  const [registry, { listRegistry, readRegistryTopics }] = await Promise.all([
    openRemoteRegistry(project),
    import('../domain/schemas/registry-topics.ts'),
  ])
  const { target } = project
  const topics = listRegistry(
    await readRegistryTopics(registry, target, await topicsNamed(project, [])),
  )
  const isOther = (subject: string) =>
    subject.startsWith(target.prefix) && !topics.some((one) => one.subject === subject)
  return { topics, others: (await registry.subjects()).filter(isOther) }
}

/** `ccs schema check` with the registry's own verdicts beside those of the files. */
export async function openRegistryCheck(
  project: Project,
  check: SchemaCheckResult,
): Promise<readonly RegistryCheck[]> {
  const [registry, { checkAgainstRegistry, readRegistryTopics }, { impactOf }] = await Promise.all([
    openRemoteRegistry(project),
    import('../domain/schemas/registry-topics.ts'),
    import('./schema.ts'),
  ])
  const topics = await readRegistryTopics(registry, project.target, await topicsNamed(project, []))
  return checkAgainstRegistry(registry, topics, check, () => impactOf(project))
}

/** Registers the schemas of these topics, or all, with the project's target. */
export async function openRegister(
  project: Project,
  options: { readonly names: readonly string[]; readonly dryRun: boolean },
): Promise<SchemaRegisterResult> {
  const [registry, { registerSchemas }, { impactOf }, { openFilesRegistry }] = await Promise.all([
    openRemoteRegistry(project),
    import('../domain/schemas/register.ts'),
    import('./schema.ts'),
    import('../adapters/registry/files-registry.ts'),
  ])
  return registerSchemas({
    registry,
    target: project.target,
    topics: await topicsNamed(project, options.names),
    dryRun: options.dryRun,
    openImpact: () => impactOf(project),
    requireKept: async () => void (await openFilesRegistry(`${project.dir}/schemas`)),
  })
}

/** By topic or by subject, with the target's prefix or without. */
async function topicsNamed(project: Project, names: readonly string[]) {
  const [{ groupSchemasByTopic }, { pickTopics }] = await Promise.all([
    import('../domain/schemas/history.ts'),
    import('../domain/schemas/list.ts'),
  ])
  const { prefix } = project.target
  const topics = groupSchemasByTopic(project.schemas)
  const isTopic = (name: string) => topics.some((one) => one.topic === name)
  const picked = names.map((name) => {
    const plain = name.replace(/-value$/, '')
    const bare = plain.startsWith(prefix) ? plain.slice(prefix.length) : plain
    return [name, plain, bare].find(isTopic) ?? name
  })
  return pickTopics(topics, picked)
}
