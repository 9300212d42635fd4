# A certificate for the two host names, proved by DNS, and the names themselves once the load balancer is there.

locals {
  hosts = toset([var.api_host, var.ops_host])
}

resource "aws_acm_certificate" "this" {
  domain_name               = var.api_host
  subject_alternative_names = [var.ops_host]
  validation_method         = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_route53_record" "proof" {
  for_each = local.hosts

  zone_id = var.zone_id
  name    = one([for option in aws_acm_certificate.this.domain_validation_options : option.resource_record_name if option.domain_name == each.key])
  type    = one([for option in aws_acm_certificate.this.domain_validation_options : option.resource_record_type if option.domain_name == each.key])
  records = [one([for option in aws_acm_certificate.this.domain_validation_options : option.resource_record_value if option.domain_name == each.key])]
  ttl     = 300

  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "this" {
  certificate_arn         = aws_acm_certificate.this.arn
  validation_record_fqdns = [for record in aws_route53_record.proof : record.fqdn]
}

# The ingress makes the load balancers; their names are known after the first release.
resource "aws_route53_record" "host" {
  for_each = { for host, target in { (var.api_host) = var.api_load_balancer, (var.ops_host) = var.ops_load_balancer } : host => target if target != "" }

  zone_id = var.zone_id
  name    = each.key
  type    = "CNAME"
  records = [each.value]
  ttl     = 60
}
