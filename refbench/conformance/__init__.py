"""The conformance kit: is this method safe to benchmark?"""
