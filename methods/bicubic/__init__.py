"""PIL bicubic interpolation, the field's baseline."""
