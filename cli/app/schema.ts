/** Composition of `ccs schema`: the project's schemas, what reads their fields, and a registry. */
import type { CompatibilityMode } from '../domain/schemas/check.ts'
import type { SchemaCheckResult } from '../domain/schemas/check-project.ts'
import { groupSchemasByTopic } from '../domain/schemas/history.ts'
import { pickTargetTopics } from '../domain/schemas/list.ts'
import type { SchemaRegisterResult } from '../domain/schemas/register.ts'
import type { RegistryCheck, RegistryDiff } from '../domain/schemas/registry-topics.ts'
import type { SchemaTypes } from '../domain/schemas/topic-types.ts'
import { type Project, readProjectTexts } from '../project.ts'
import { openRemoteRegistry } from './servers.ts'

/** Checks the project's schemas; opens a DuckDB only when something changed. */
export async function openSchemaCheck(
  project: Project,
  mode: CompatibilityMode,
): Promise<SchemaCheckResult> {
  const { checkSchemas } = await import('../domain/schemas/check-project.ts')
  ;(await import('../domain/privacy/check-classes.ts')).requireFieldClasses(project.schemas)
  return checkSchemas(groupSchemasByTopic(project.schemas), mode, () => openImpact(project))
}

/** CCS_SCHEMA_BREAKS for records that a schema can't read, CCS_SCHEMA_INVALID for its classes. */
export async function refuseSchemaBreaks(project: Project): Promise<void> {
  const { refuseBreaks } = await import('../domain/schemas/check-project.ts')
  ;(await import('../domain/privacy/check-classes.ts')).requireFieldClasses(project.schemas)
  await refuseBreaks(groupSchemasByTopic(project.schemas), () => openImpact(project))
}

/** What reads the topics' fields, in models, marts and dashboards. */
async function openImpact(project: Project) {
  const [{ openSchemaImpact }, { withDuck }, { serializeSql }, dbt] = await Promise.all([
    import('../domain/models/schema-impact.ts'),
    import('../adapters/duckdb/with-duck.ts'),
    import('../adapters/duckdb/sql-ast.ts'),
    readProjectTexts(project.dir, 'dbt/models', ['.sql', '.yml', '.yaml']),
  ])
  const { macros, models, metrics } = project
  return withDuck({ threads: 1 }, (connection) =>
    openSchemaImpact({ models: [...models, ...metrics], macros, dbt }, (sql) =>
      serializeSql(connection, sql),
    ),
  )
}

/** The types of the named topics; written to a file if one is given. */
export async function writeSchemaTypes(
  project: Project,
  { topics, out }: { readonly topics: readonly string[]; readonly out: string | undefined },
): Promise<SchemaTypes> {
  const [{ generateTopicTypes }, { writeIfChanged }] = await Promise.all([
    import('../domain/schemas/topic-types.ts'),
    import('../adapters/files/files.ts'),
  ])
  const found = generateTopicTypes(project.schemas, project.models, topics)
  const changed = out !== undefined && (await writeIfChanged(out, found.types))
  return { topics: found.topics, file: out ?? null, changed, types: found.types }
}

/** The schemas in force against what the target's registry has. */
export async function openRegistryDiffs(
  project: Project,
  { topic, from }: { readonly topic: string | undefined; readonly from: number | undefined },
): Promise<readonly RegistryDiff[]> {
  const { registry, target, domain } = await openTopics(project)
  const schemas = pickTopics(project, topic === undefined ? [] : [topic])
  return domain.diffAgainstRegistry(
    await domain.readRegistryTopics(registry, target, schemas),
    from,
  )
}

/** What the target's registry has of the project's topics, and of its prefix besides. */
export async function openRegistryList(project: Project) {
  const { registry, target, domain } = await openTopics(project)
  return domain.listTargetSubjects(registry, target, pickTopics(project, []))
}

/** `ccs schema check` with the registry's own verdicts beside those of the files. */
export async function openRegistryCheck(
  project: Project,
  check: SchemaCheckResult,
): Promise<readonly RegistryCheck[]> {
  const { registry, target, domain } = await openTopics(project)
  const topics = await domain.readRegistryTopics(registry, target, pickTopics(project, []))
  return domain.checkAgainstRegistry(registry, topics, check, () => openImpact(project))
}

/** Registers the schemas of these topics, or all, with the project's target. */
export async function openRegister(
  project: Project,
  { names, dryRun }: { readonly names: readonly string[]; readonly dryRun: boolean },
): Promise<SchemaRegisterResult> {
  const [registry, { registerSchemas }, { openFilesRegistry }] = await Promise.all([
    openRemoteRegistry(project),
    import('../domain/schemas/register.ts'),
    import('../adapters/registry/files-registry.ts'),
  ])
  return registerSchemas({
    ...{ registry, target: project.target, topics: pickTopics(project, names), dryRun },
    openImpact: () => openImpact(project),
    requireKept: async () => void (await openFilesRegistry(`${project.dir}/schemas`)),
  })
}

async function openTopics(project: Project) {
  const registry = await openRemoteRegistry(project)
  const { checkAgainstRegistry, diffAgainstRegistry, listTargetSubjects, readRegistryTopics } =
    await import('../domain/schemas/registry-topics.ts')
  const domain = {
    checkAgainstRegistry,
    diffAgainstRegistry,
    listTargetSubjects,
    readRegistryTopics,
  }
  return { registry, target: project.target, domain }
}

function pickTopics({ schemas, target }: Project, names: readonly string[]) {
  return pickTargetTopics(groupSchemasByTopic(schemas), names, target.prefix)
}
