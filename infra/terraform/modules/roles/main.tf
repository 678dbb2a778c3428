# One role for each program that touches the lake, with the folders and calls that it needs and no more.
#   app    ccs up, ccs run, ccs lake push: writes below the prefix
#   load   ccs load redshift: reads below the prefix, writes lists of files below load/
#   copy   Redshift itself: reads what a load names

variable "name" { type = string }
variable "bucket_arn" { type = string }
variable "prefix" { type = string }
variable "kms_key_arn" { type = string }
variable "trusted_arns" { type = list(string) }

locals {
  objects    = "${var.bucket_arn}/${var.prefix}"
  is_trusted = length(var.trusted_arns) > 0
  folders = {
    app  = { list = ["${var.prefix}*"], read = ["${local.objects}*"], write = ["${local.objects}*"] }
    load = { list = ["${var.prefix}*"], read = ["${local.objects}*"], write = ["${local.objects}load/*"] }
    copy = {
      list  = ["${var.prefix}bronze/clicks/*", "${var.prefix}silver/*", "${var.prefix}load/*"]
      read  = ["${local.objects}bronze/clicks/*", "${local.objects}silver/*", "${local.objects}load/*"]
      write = []
    }
  }
  names = local.is_trusted ? toset(["app", "load", "copy"]) : toset(["copy"])
}

data "aws_caller_identity" "current" {}

data "aws_iam_policy_document" "trust" {
  for_each = local.names
  statement {
    actions = ["sts:AssumeRole"]
    dynamic "principals" {
      for_each = each.key == "copy" ? [] : [1]
      content {
        type        = "AWS"
        identifiers = var.trusted_arns
      }
    }
    dynamic "principals" {
      for_each = each.key == "copy" ? [1] : []
      content {
        type        = "Service"
        identifiers = ["redshift.amazonaws.com", "redshift-serverless.amazonaws.com"]
      }
    }
    dynamic "condition" {
      for_each = each.key == "copy" ? [1] : []
      content {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [data.aws_caller_identity.current.account_id]
      }
    }
  }
}

data "aws_iam_policy_document" "access" {
  for_each = local.names
  statement {
    sid       = "ListFolders"
    actions   = ["s3:ListBucket"]
    resources = [var.bucket_arn]
    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = local.folders[each.key].list
    }
  }
  statement {
    sid       = "FindRegion"
    actions   = ["s3:GetBucketLocation"]
    resources = [var.bucket_arn]
  }
  statement {
    sid       = "ReadObjects"
    actions   = ["s3:GetObject"]
    resources = local.folders[each.key].read
  }
  dynamic "statement" {
    for_each = length(local.folders[each.key].write) > 0 ? [1] : []
    content {
      sid       = "WriteObjects"
      actions   = ["s3:PutObject", "s3:DeleteObject"]
      resources = local.folders[each.key].write
    }
  }
  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [1]
    content {
      sid       = "UseKey"
      actions   = length(local.folders[each.key].write) > 0 ? ["kms:Decrypt", "kms:GenerateDataKey"] : ["kms:Decrypt"]
      resources = [var.kms_key_arn]
    }
  }
}

resource "aws_iam_role" "role" {
  for_each           = local.names
  name               = "${var.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.trust[each.key].json
}

resource "aws_iam_role_policy" "access" {
  for_each = local.names
  name     = "lake"
  role     = aws_iam_role.role[each.key].id
  policy   = data.aws_iam_policy_document.access[each.key].json
}

output "app_arn" { value = local.is_trusted ? aws_iam_role.role["app"].arn : null }
output "load_arn" { value = local.is_trusted ? aws_iam_role.role["load"].arn : null }
output "copy_arn" { value = aws_iam_role.role["copy"].arn }
