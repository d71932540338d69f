"""What moto 5.2.1 does otherwise than AWS, put right. One module per service."""
