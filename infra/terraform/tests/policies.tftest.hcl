# Policies as they are made: this provider has no account, and is asked only for what it can say without.

provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

run "roles_of_the_lake" {
  command = plan
  module { source = "./modules/roles" }
  override_data {
    target = data.aws_caller_identity.current
    values = { account_id = "123456789012" }
  }
  variables {
    name         = "my-shop"
    bucket_arn   = "arn:aws:s3:::my-lake"
    prefix       = "shop/"
    kms_key_arn  = "arn:aws:kms:eu-central-1:123456789012:key/4d1"
    trusted_arns = ["arn:aws:iam::123456789012:role/server"]
  }
  assert {
    condition = alltrue(flatten([
      for document in data.aws_iam_policy_document.access : [
        for statement in jsondecode(document.json).Statement : [
          for action in flatten([statement.Action]) : !strcontains(action, "*")
        ]
      ]
    ]))
    error_message = "a policy has a wildcard in an action"
  }
  assert {
    condition = alltrue(flatten([
      for document in data.aws_iam_policy_document.access : [
        for statement in jsondecode(document.json).Statement : [
          for resource in flatten([statement.Resource]) :
          startswith(resource, "arn:aws:s3:::my-lake") || startswith(resource, "arn:aws:kms:")
        ]
      ]
    ]))
    error_message = "a policy reaches beyond the bucket and the key"
  }
  assert {
    condition = flatten([
      for statement in jsondecode(data.aws_iam_policy_document.access["load"].json).Statement :
      flatten([statement.Resource]) if contains(flatten([statement.Action]), "s3:PutObject")
    ]) == ["arn:aws:s3:::my-lake/shop/load/*"]
    error_message = "the loader may write lists of files only"
  }
  assert {
    condition = length([
      for statement in jsondecode(data.aws_iam_policy_document.access["copy"].json).Statement :
      statement if contains(flatten([statement.Action]), "s3:PutObject")
    ]) == 0
    error_message = "Redshift may only read"
  }
  assert {
    condition = alltrue(flatten([
      for document in data.aws_iam_policy_document.trust : [
        for statement in jsondecode(document.json).Statement : [
          for principal in flatten(values(statement.Principal)) : principal != "*"
        ]
      ]
    ]))
    error_message = "anybody could take a role"
  }
}

run "role_of_a_sink" {
  command = plan
  module { source = "./modules/connect" }
  variables {
    name              = "my-shop"
    settings          = { plugin_key = "plugins/s3.zip", configuration = {}, version = "3.7.x" }
    bucket_arn        = "arn:aws:s3:::my-lake"
    prefix            = "shop/"
    cluster_arn       = "arn:aws:kafka:eu-central-1:123456789012:cluster/my-shop/4d1"
    bootstrap         = "b-1.example:9098"
    security_group_id = "sg-1"
    subnet_ids        = ["subnet-a"]
    kms_key_arn       = null
  }
  assert {
    condition = alltrue(flatten([
      for statement in jsondecode(data.aws_iam_policy_document.access.json).Statement : [
        [for action in flatten([statement.Action]) : !strcontains(action, "*")],
        [for resource in flatten([statement.Resource]) : strcontains(resource, "my-")],
      ]
    ]))
    error_message = "a policy has a wildcard in an action, or reaches beyond the shop"
  }
}

run "role_of_a_job" {
  command = plan
  module { source = "./modules/flink" }
  variables {
    name              = "my-shop"
    settings          = { jar_key = "jobs/my-job.jar", runtime = "FLINK-1_20", slots = 1 }
    bucket_arn        = "arn:aws:s3:::my-lake"
    cluster_arn       = "arn:aws:kafka:eu-central-1:123456789012:cluster/my-shop/4d1"
    bootstrap         = "b-1.example:9098"
    security_group_id = "sg-1"
    subnet_ids        = ["subnet-a"]
    kms_key_arn       = null
  }
  assert {
    condition = alltrue(flatten([
      for statement in jsondecode(data.aws_iam_policy_document.access.json).Statement : [
        [for action in flatten([statement.Action]) : !strcontains(action, "*")],
        [for resource in flatten([statement.Resource]) : strcontains(resource, "my-")],
      ]
    ]))
    error_message = "a policy has a wildcard in an action, or reaches beyond the shop"
  }
}

run "policy_of_the_bucket" {
  command = plan
  module { source = "./modules/lake" }
  variables {
    bucket          = "my-lake"
    kms_key_arn     = null
    noncurrent_days = 30
  }
  assert {
    condition = alltrue([
      for statement in jsondecode(data.aws_iam_policy_document.tls_only.json).Statement :
      statement.Effect == "Deny"
    ])
    error_message = "the bucket's policy may only deny: who may do what is said by the roles"
  }
}
