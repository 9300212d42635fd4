output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "cidr" {
  description = "Range of the VPC."
  value       = aws_vpc.this.cidr_block
}

output "private_subnet_ids" {
  description = "Subnets of pods."
  value       = aws_subnet.private[*].id
}

output "public_subnet_ids" {
  description = "Subnets of load balancers."
  value       = aws_subnet.public[*].id
}

output "data_subnet_ids" {
  description = "Subnets of databases, without a way out."
  value       = aws_subnet.data[*].id
}

output "nat_gateways" {
  description = "How many ways out there are."
  value       = length(aws_nat_gateway.this)
}
