"""Reads statements, one a line of JSON {"sql": …}, and prints one line for each: {"faults": […]}, what Redshift would
refuse or do otherwise. sqlglot parses; what it accepts though Redshift does not is checked here. The rules are those of
AWS's Database Developer Guide, by the page named beside each, and two that only error messages tell.
"""
import json
import sys

from sqlglot import exp, parse
from sqlglot.dialects.redshift import Redshift
from sqlglot.errors import ErrorLevel, SqlglotError
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.tokens import TokenType

# Functions that run on compute nodes with the arguments that this project gives them. One that is not here was never
# looked up: find it in the guide's list of functions, then add it.
FUNCTIONS = set('''
abs btrim cast coalesce convert_timezone count datediff extract floor getdate lag lead listagg lower max min ntile nullif
row_number split_part substring sum trim date_trunc
'''.split())

# c_unsupported-postgresql-functions, c_SQL_functions_leader_node_only: what comes to mind first in PostgreSQL or DuckDB.
ABSENT = {
    'string_agg': 'listagg(…) within group (order by …)',
    'array_agg': 'listagg, or a subquery',
    'generate_series': 'a table of digits: it runs on the leader node only',
    'now': 'getdate()', 'age': 'datediff', 'clock_timestamp': 'getdate()', 'substr': 'substring',
    'to_timestamp_ms': 'timestamp + interval', 'epoch_ms': 'datediff(millisecond, …)',
    'bool_or': 'max(case …) = 1', 'bool_and': 'min(case …) = 1', 'every': 'min(case …) = 1',
    'list': 'listagg', 'arg_max': 'row_number() = 1', 'format': 'to_char', 'div': 'a division of integers',
    'width_bucket': 'case', 'make_date': 'a cast of a text', 'regexp_matches': 'regexp_substr',
}

# Names of types and words that may stand before a parenthesis.
WORDS = set('''
varchar decimal numeric char in over as and or not exists values on by from join where select union all when then else
using partition distinct within group select into marts filter
'''.split())

# r_pg_keywords
RESERVED = set('''
aes128 aes256 all allowoverwrite analyse analyze and any array as asc authorization az64 backup between binary
blanksasnull both bytedict bzip2 case cast check collate column constraint create credentials cross current_date
current_time current_timestamp current_user current_user_id default deferrable deflate defrag delta delta32k desc
disable distinct do else emptyasnull enable encode encrypt encryption end except explicit false for foreign freeze from
full globaldict256 globaldict64k grant group gzip having identity ignore ilike in initially inner intersect interval into
is isnull join language leading left like limit localtime localtimestamp lun luns lzo lzop minus mostly16 mostly32
mostly8 natural new not notnull null nulls off offline offset oid old on only open or order outer overlaps parallel
partition percent permissions pivot placing primary raw readratio recover references rejectlog resort respect restore
right select session_user similar snapshot some sysdate system table tag tdes text255 text32k then timestamp to top
trailing true truncatecolumns union unique unnest unpivot user using verbose wallet when where with without
'''.split())

# Rows may be compared with these only after the frame is written out (c_Window_functions).
FRAMED = (exp.Sum, exp.Min, exp.Max, exp.Count, exp.Avg, exp.FirstValue, exp.LastValue)
NAME_MAX = 127  # r_names


def check(sql):
    try:
        trees = parse(sql, read='redshift', error_level=ErrorLevel.RAISE)
    except SqlglotError as error:
        return [f'it does not parse: {str(error).splitlines()[0]}']
    faults = list(check_tokens(sql))
    for tree in trees:
        if tree is not None:
            faults += check_tree(tree)
    return sorted(set(faults))


def check_tokens(sql):
    tokens = Redshift().tokenize(sql)
    for token, following in zip(tokens, tokens[1:]):
        name = token.text.lower()
        if token.text == '//' or token.text == following.text == '/':
            yield '// is no operator'
        if name in ('current_timestamp', 'localtime', 'current_time'):
            yield f'{name} is read on the leader node only: getdate()'
        if following.token_type != TokenType.L_PAREN or token.token_type in (TokenType.STRING, TokenType.NUMBER):
            continue
        if name in ABSENT:
            yield f'{name}() is no function for rows of tables: {ABSENT[name]}'
        elif token.text[0].isalpha() and name not in FUNCTIONS | WORDS and token.token_type != TokenType.IDENTIFIER:
            if not is_name(tokens, token):
                yield f'{name}() has not been looked up: is it a function of Redshift?'


def is_name(tokens, token):
    """`insert into t (a, b)`, `with t (a) as`: a name before a list of columns."""
    before = tokens[tokens.index(token) - 1].text.lower() if token is not tokens[0] else ''
    return before in ('into', 'table', 'with', '.')


def check_tree(tree):
    for select in tree.find_all(exp.Select):
        yield from check_aggregates(select)
        if select.args.get('windows'):
            yield 'window … as (…) is unknown: write it out after over'
        if select.args.get('distinct') and select.args['distinct'].args.get('on'):
            yield 'distinct on (…) is unknown'
    for window in tree.find_all(exp.Window):
        yield from check_window(window)
    for operation in tree.find_all(exp.Except, exp.Intersect):
        if not operation.args.get('distinct'):
            yield 'except all and intersect all are unknown'
    for create in tree.find_all(exp.Create):
        if create.args.get('kind') == 'INDEX':
            yield 'there are no indexes'
        for column in create.find_all(exp.ColumnDef):
            kind = column.args['kind']
            if kind.is_type('varchar') and not kind.expressions:
                yield f'{column.name}: a varchar column without a length has 256 bytes'
            if kind.is_type('char') and not kind.expressions:
                yield f'{column.name}: a char column without a length has 1 byte'
    for kind in tree.find_all(exp.DataType):
        if kind.this == exp.DataType.Type.TEXT:
            yield 'the type text is varchar(256)'
        if kind.this in (exp.DataType.Type.UNKNOWN, exp.DataType.Type.USERDEFINED):
            yield f'{kind.sql("redshift").lower()} is no type'
        if kind.this in (exp.DataType.Type.ARRAY, exp.DataType.Type.LIST, exp.DataType.Type.STRUCT, exp.DataType.Type.MAP):
            yield 'there are no lists, structs or maps'
    for kind, text in NODES.items():
        if tree.find(kind):
            yield text
    if any(not isinstance(values.parent, exp.Insert) for values in tree.find_all(exp.Values)):
        yield 'values (…) can’t be read like a table'
    for join in tree.find_all(exp.Join):
        if join.args.get('side') == 'FULL' and not list(join.find_all(exp.EQ)):
            yield 'a full join needs an equality'
    for name in tree.find_all(exp.Identifier):
        if not name.args.get('quoted') and name.name.lower() in RESERVED:
            yield f'{name.name} is a reserved word'
        if len(name.name.encode()) > NAME_MAX:
            yield f'{name.name} is longer than {NAME_MAX} bytes'
    yield from check_correlation(tree)


# c_unsupported-postgresql-features and -functions
NODES = {
    exp.Filter: 'filter (where …) is unknown: sum(case when … end)',
    exp.NullSafeEQ: 'is not distinct from is unknown',
    exp.NullSafeNEQ: 'is distinct from is unknown',
    exp.Lambda: 'there are no lambdas',
    exp.Array: 'there are no lists',
    exp.Unnest: 'unnest(…) takes SUPER only',
    exp.Lateral: 'lateral is unknown',
    exp.TableSample: 'there are no samples',
    exp.Collate: 'collate of an expression is unknown',
    exp.OnConflict: 'on conflict is unknown: delete, then insert',
    exp.Returning: 'returning is unknown',
    exp.Command: 'sqlglot does not know the statement',
}


def own(select, kind):
    """Nodes of this SELECT, not of the subqueries in it."""
    return [node for node in select.find_all(kind) if node.find_ancestor(exp.Select) is select]


def check_aggregates(select):
    lists = [node for node in own(select, exp.GroupConcat) if not node.find_ancestor(exp.Window)]
    others = [node for node in own(select, exp.Distinct) if isinstance(node.parent, exp.AggFunc)]
    if lists and any(node.parent not in lists for node in others):
        # "Using LISTAGG/PERCENTILE_CONT/MEDIAN aggregate functions with other distinct aggregate function not supported"
        yield 'listagg can’t stand beside another aggregate with distinct'
    orders = {node.parent.expression.sql() for node in lists if isinstance(node.parent, exp.WithinGroup)}
    if len(orders) > 1:
        # "within group ORDER BY clauses for aggregate functions must be the same"
        yield 'several listagg must have the same order'


def check_window(window):
    if any(inner is not window for inner in window.find_all(exp.Window)):
        yield 'a window function can’t contain another one'
    spec, order = window.args.get('spec'), window.args.get('order')
    if order and not spec and isinstance(window.this, FRAMED):
        yield 'an aggregate over an order needs its frame: rows between …'
    if spec and (spec.args.get('kind') or '').upper() != 'ROWS':
        yield 'a frame counts rows; range and groups are unknown'
    if isinstance(window.this, exp.Count) and window.this.find(exp.Distinct):
        yield 'count(distinct …) over (…) is unknown'


def check_correlation(tree):
    """r_correlated_subqueries lists what is refused; this project does without any."""
    query = tree if isinstance(tree, exp.Query) else tree.find(exp.Query)
    for scope in traverse_scope(query) if query else []:
        # Columns without a table's name can't be told without the tables.
        if scope.can_be_correlated and any(
            column.table and column.table not in scope.sources for column in scope.columns
        ):
            yield 'a subquery refers to the query around it: join instead'


for line in sys.stdin:
    print(json.dumps({'faults': check(json.loads(line)['sql'])}, ensure_ascii=False), flush=True)
