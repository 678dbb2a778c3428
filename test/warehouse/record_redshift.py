"""Runs `dbt build` for Redshift with a driver that records each statement and executes none, and prints one line of
JSON for each: the node that sent it, the form, and the statement. All else is dbt's own: materialisations, contracts,
seeds and tests send what they would send to a cluster, one statement at a time.

Arguments: dbt's project, a folder for what dbt writes. The form is `full` in an empty warehouse, `incremental` in one
where every model has been built before.
"""
import json
import os
import re
import sys
import threading

os.environ.update({
    **{'RS_HOST': 'redshift.invalid', 'RS_DB': 'dev', 'RS_USER': 'nobody', 'RS_PWD': 'none'},
    **{'DBT_SEND_ANONYMOUS_USAGE_STATS': 'false', 'DO_NOT_TRACK': '1', 'CCS_SINCE': ''},
})

import redshift_connector
from dbt.adapters.redshift.impl import RedshiftAdapter
from dbt.cli.main import dbtRunner

project, folder = sys.argv[1:]
lock = threading.Lock()
thread = threading.local()
form = 'full'
nodes = {}


class Cursor:
    """Answers what dbt asks about results: a test finds no row, and the newest day of a model is one day."""

    rowcount = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def execute(self, sql, bindings=None):
        names, self.rows = ['n'], []
        if 'pg_backend_pid' in sql:
            self.rows = [[1]]
            return self
        if 'should_error' in sql:
            names, self.rows = ['failures', 'should_warn', 'should_error'], [[0, False, False]]
        elif re.search(r'select cast\(coalesce\(max\(', sql):
            self.rows = [['2026-03-31']]
        self.description = [(name, 25, None, None, None, None, None) for name in names]
        # dbt's comment before the first of several statements names their node.
        node = re.search(r'"node_id": "([^"]+)"', sql)
        if node:
            thread.node = node.group(1)
        with lock:
            print('statement', json.dumps({
                'form': form,
                'node': getattr(thread, 'node', None),
                'sql': re.sub(r'/\*.*?\*/', '', sql, flags=re.S).strip().rstrip(';'),
            }))
        return self

    def fetchone(self):
        return self.rows[0] if self.rows else None

    def fetchall(self):
        return self.rows

    def close(self):
        pass


class Connection:
    autocommit = False

    def cursor(self):
        return Cursor()

    def commit(self):
        Cursor().execute('commit')

    def rollback(self):
        pass

    def close(self):
        pass


def list_relations(self, relation):
    """In the incremental form, all relations of the project are there."""
    if form == 'full':
        return []
    return [
        self.Relation.create(
            database=node.database, schema=node.schema, identifier=node.alias,
            type='view' if node.config.materialized == 'view' else 'table',
        )
        for node in nodes.values() if node.schema == relation.schema
    ]


def list_columns(self, relation):
    """Those that the project documents; a test compares them with what a build gives."""
    name = relation.identifier.split('__dbt_tmp')[0]
    columns = next(node.columns for node in nodes.values() if node.alias == name)
    return [self.Column(column.name, column.data_type or 'varchar(65535)') for column in columns.values()]


redshift_connector.connect = lambda **_: Connection()
RedshiftAdapter.list_relations_without_caching = list_relations
RedshiftAdapter.get_columns_in_relation = list_columns
# A contract's types are compared by running both sides with no row: PostgreSQL does so.
RedshiftAdapter.get_column_schema_from_query = lambda self, sql, *_: []
RedshiftAdapter._link_cached_relations = lambda self, manifest: None

place = ['--project-dir', project, '--profiles-dir', project, '--target', 'redshift', '--quiet',
         '--target-path', f'{folder}/target', '--log-path', f'{folder}/logs']
parsed = dbtRunner().invoke(['parse', *place])
nodes = {
    key: node for key, node in parsed.result.nodes.items() if node.resource_type in ('model', 'seed', 'snapshot')
}
for form in ('full', 'incremental'):
    ran = dbtRunner(manifest=parsed.result).invoke(['build', *place, '--exclude-resource-type', 'unit_test'])
    if ran.exception:
        raise ran.exception
    for one in ran.result:
        print('result', json.dumps({
            'form': form, 'node': one.node.unique_id, 'status': str(one.status), 'message': one.message,
        }))
