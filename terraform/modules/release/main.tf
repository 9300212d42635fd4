# The operator that copies secrets from the cloud's store, and the product's own chart.

resource "helm_release" "external_secrets" {
  count = var.install_external_secrets ? 1 : 0

  name             = "external-secrets"
  repository       = "https://charts.external-secrets.io"
  chart            = "external-secrets"
  version          = var.external_secrets_version
  namespace        = "external-secrets"
  create_namespace = true
  wait             = true
}

resource "helm_release" "this" {
  name             = "sre-copilot"
  chart            = "${path.module}/../../../k8s/helm/sre-copilot"
  namespace        = var.namespace
  create_namespace = true
  # The pods wait for the tables; the first start also waits for the secrets to be copied.
  timeout = 1200
  wait    = true
  values  = concat([yamlencode(var.values)], var.more_values)

  depends_on = [helm_release.external_secrets]
}
