/** What a deployment keeps of a resource that was there before: all of it as it is, secrets as their variables. */

import type { DeployedResource, ResourceKind } from './deployment.ts'
import { settingTexts } from './plan/connector-plan.ts'
import type { DesiredState } from './plan/desired.ts'
import { canonicalJson, resource, subjectText, topicText } from './plan/resource-content.ts'
import type { FoundState } from './plan/target-plan.ts'

/** Undefined where the cluster has none of that name, or the project wants none. */
export function adoptedResource(
  kind: Exclude<ResourceKind, 'model'>,
  name: string,
  desired: DesiredState,
  found: FoundState,
): DeployedResource | undefined {
  const content = contentOf(kind, name, desired, found)
  return content === undefined ? undefined : resource(kind, name, content, { adopted: true })
}

function contentOf(
  kind: Exclude<ResourceKind, 'model'>,
  name: string,
  desired: DesiredState,
  found: FoundState,
): string | undefined {
  const isNamed = (one: { readonly name: string }) => one.name === name
  switch (kind) {
    case 'topic': {
      const topic = found.topics.find(isNamed)
      return topic && desired.topics.some(isNamed) ? topicText(topic) : undefined
    }
    case 'subject': {
      const subject = found.subjects.find(isNamed)
      if (!subject || !desired.subjects.some(isNamed)) return undefined
      const versions = subject.versions.map((one) => one.schema)
      return subjectText({ compatibility: subject.compatibility, versions })
    }
    case 'connector': {
      const connector = found.connectors?.find(isNamed)
      const wanted = desired.connectors.find(isNamed)
      if (!connector || !wanted) return undefined
      const written = settingTexts(wanted.content)
      const config = Object.fromEntries(
        Object.entries(connector.config).flatMap(([key, value]) => {
          // Of a secret the name of its variable is kept, and nothing where it has none.
          const isSecret = wanted.shown[key] !== wanted.config[key] || SECRET.test(key)
          if (!isSecret) return [[key, value]]
          return written[key]?.includes('${') ? [[key, written[key]]] : []
        }),
      )
      return canonicalJson({ name, config })
    }
  }
}

const SECRET =
  /password|passwd|passphrase|secret|jaas|private[._-]?key|user\.info|token|credential/i
