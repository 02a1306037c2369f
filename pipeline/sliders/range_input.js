// The browser's own slider: keyboards, fingers and screen readers know it.
export default {
  props: { modelValue: [Number, Array], min: Number, max: Number, step: Number, label: String },
  emits: ["update:modelValue"],
  template: `<input type="range" :min="min" :max="max" :step="step" :value="shown" :aria-label="label"
    @input="$emit('update:modelValue', Number($event.target.value))" />`,
  computed: {
    // what a hand moved comes back as the list of the event's arguments
    shown() {
      return Array.isArray(this.modelValue) ? this.modelValue[0] : this.modelValue;
    },
  },
};
