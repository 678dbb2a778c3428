import { expect, test } from 'vitest'
import type { Deployment } from '../../../cli/domain/deploy/deployment.ts'
import { refuseSecrets } from '../../../cli/domain/deploy/secret-guard.ts'

/** A deployment of one connector with these settings; nothing else of it is read. */
const withSettings = (settings: Readonly<Record<string, string>>) =>
  ({
    resources: [{ kind: 'connector', name: 'sink', content: JSON.stringify(settings) }],
  }) as unknown as Deployment

test.each([
  ...['iceberg.catalog.credential', 'iceberg.catalog.s3.access-key-id', 'session-token'],
  ...['connection.password', 'sasl.jaas.config', 'ssl.private.key', 'basic.auth.user.info'],
])('a plain value of %s is refused, a variable is not', (key) => {
  expect(() => refuseSecrets(withSettings({ [key]: 'hunter2' }))).toThrow(`${key} of the connector`)
  expect(() => refuseSecrets(withSettings({ [key]: '${PASSWORD}' }))).not.toThrow()
})

test.each([
  ['value.converter.basic.auth.credentials.source', 'USER_INFO'],
  ['s3.credentials.provider.class', 'com.amazonaws.auth.DefaultAWSCredentialsProviderChain'],
  ['sasl.oauthbearer.token.endpoint.url', 'https://login.example.com/token'],
  ['delegation.token.expiry.time.ms', '60000'],
])('%s says only where a secret is found, or how long it holds', (key, value) => {
  expect(() => refuseSecrets(withSettings({ [key]: value }))).not.toThrow()
})
