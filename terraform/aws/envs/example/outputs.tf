output "release" {
  description = "What release/ needs to know: terraform output -json release > release/cloud.auto.tfvars.json"
  value       = module.stack.release
}

output "kubeconfig_command" {
  description = "How to get into the cluster."
  value       = module.stack.kubeconfig_command
}

output "exports_bucket" {
  description = "Where exports are written."
  value       = module.stack.exports_bucket
}

output "ingress_classes" {
  description = "The two ways in: terraform output -raw ingress_classes | kubectl apply -f -"
  value       = module.stack.ingress_classes
}
